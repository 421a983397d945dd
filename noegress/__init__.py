"""noegress, a dependency firewall for Python: policy, scanner, checks and reports."""

__version__ = "0.1.0"
