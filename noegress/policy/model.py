"""The tables of ``noegress.toml`` as frozen values; defaults are the strict ones."""

import fnmatch
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from urllib.parse import urlsplit

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from noegress.destination import Destination, parse_destination, parse_name
from noegress.finding import Category
from noegress.policy.kinds import Choice, Day, Flag, Many, Parsed, Table, Text, Variables, Whole, section, setting
from noegress.policy.selection import Selection, name_pattern, selection, specifiers

OWN_PROJECTS = ("noegress", "hatch-noegress", "devpi-noegress", "noegress-guard")
"""Private in code, whatever a policy says: these names never come from upstream."""


class Action(StrEnum):
    """What a policy does with a finding that is on by default."""

    REFUSE = "refuse"
    SWITCH_OFF = "switch-off"
    WARN = "warn"
    ALLOW = "allow"


class FileFormat(StrEnum):
    """The formats of distribution files; an sdist runs code when it is built."""

    WHEEL = "wheel"
    SDIST = "sdist"


class Advisories(StrEnum):
    """Whether known vulnerabilities decide about admission."""

    OFF = "off"
    REQUIRED = "required"


class ProjectStatus(StrEnum):
    """What an index says about a project as a whole, PEP 792."""

    ACTIVE = "active"
    ARCHIVED = "archived"
    QUARANTINED = "quarantined"
    DEPRECATED = "deprecated"


class WaivedCategory(StrEnum):
    """The categories a waiver can name; a file that breaks its format cannot be waived."""

    TELEMETRY = "telemetry"
    UPDATE_CHECK = "update-check"
    SELF_UPDATE = "self-update"
    REMOTE_CODE = "remote-code"
    MODEL_DOWNLOAD = "model-download"
    HOSTED_EMBEDDING = "hosted-embedding"
    CDN_ASSET = "cdn-asset"
    HOSTED_SERVICE = "hosted-service"
    STARTUP_CODE = "startup-code"


def _index_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{text!r} is no http or https URL")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"{text!r} holds a user, a query or a fragment")
    return text


SHA256 = Text("a sha256 in hexadecimal", example="9f86d081…", pattern=r"[0-9a-f]{64}")
_DESTINATION = Parsed(parse_destination, "a destination", "mirror.internal:443")
_SELECTION = Parsed(selection, "a project name, * allowed, with or without versions", "numpy>=2,<3")
_LICENCE = Text("an SPDX licence identifier", example="Apache-2.0", pattern=r"[A-Za-z0-9][A-Za-z0-9.+-]*")
_NETWORK = Parsed(ip_network, "a network or an address", "10.20.0.0/16")


def _actions(default: Action, doc: str) -> Action:
    chosen: Action = setting(Choice(Action), doc, default=default)
    return chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """Where everything is installed from."""

    url: str | None = setting(
        Parsed(_index_url, "the URL of the mirror", "https://mirror.internal/root/curated/+simple/"),
        "The only index there is: the mirror's simple page root.",
        default=None,
    )
    ca: str | None = setting(
        Text("a path", example="/etc/ssl/mirror.pem"), "The certificate authority of the mirror.", default=None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Where the signed list of admitted files is, and what its trust begins with."""

    url: str | None = setting(
        Parsed(_index_url, "a URL", "https://mirror.internal/+noegress/catalogue/"), "Where it is served.", default=None
    )
    root_sha256: str | None = setting(
        SHA256, "The digest of its root metadata; without it every file is undecided.", default=None
    )
    max_age: int = setting(Whole("hours", 1, 8760), "Hours after which it counts as unreachable.", default=72)


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """What a guarded process may connect to."""

    allow: tuple[Destination, ...] = setting(
        Many(_DESTINATION), "The destinations; nothing else is reached.", default=()
    )
    private_names: tuple[str, ...] = setting(
        Many(Parsed(parse_name, "a host name", "db.example.com")),
        "Public names whose answers may be private, loopback or link-local addresses.",
        default=(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Categories:
    """What is done with findings that are on by default, category by category."""

    telemetry: Action = _actions(Action.SWITCH_OFF, "Usage data and crash reports.")
    update_check: Action = _actions(Action.SWITCH_OFF, "Asks whether a newer version exists.")
    self_update: Action = _actions(Action.REFUSE, "Replaces its own code.")
    remote_code: Action = _actions(Action.REFUSE, "Fetches code and runs it.")
    model_download: Action = _actions(Action.WARN, "Fetches weights or data sets.")
    hosted_embedding: Action = _actions(Action.REFUSE, "Sends texts away to be embedded.")
    cdn_asset: Action = _actions(Action.WARN, "Pages that load scripts, styles or fonts from elsewhere.")
    hosted_service: Action = _actions(Action.WARN, "A client of a hosted service.")
    startup_code: Action = _actions(Action.WARN, "Code that runs at every start of an interpreter.")

    def action(self, category: Category) -> Action:
        """What this policy does with a category; a broken file (``integrity``) is always refused."""
        if category is Category.INTEGRITY:
            return Action.REFUSE
        action: Action = getattr(self, category.name.lower())
        return action


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What may enter the mirror."""

    formats: tuple[FileFormat, ...] = setting(
        Many(Choice(FileFormat)),
        "Formats that may be admitted; an sdist runs code when it is built.",
        default=(FileFormat.WHEEL,),
    )
    cooldown_days: int = setting(
        Whole("days", 0, 3650),
        "Days since the upload to PyPI before a file may enter; no upload time = undecided.",
        default=7,
    )
    on_demand: bool = setting(Flag(), "Whether the upstream is asked for what is not known yet.", default=False)
    on_demand_from: tuple[IPv4Network | IPv6Network, ...] = setting(
        Many(_NETWORK),
        "Networks whose anonymous requests may start an admission.",
        default=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
    )
    private: tuple[str, ...] = setting(
        Many(Parsed(name_pattern, "a project name, * allowed", "acme-*")),
        "Projects that never come from upstream.",
        default=(),
    )
    allow: tuple[Selection, ...] = setting(
        Many(_SELECTION), "Projects and versions that may enter; empty means every one.", default=()
    )
    deny: tuple[Selection, ...] = setting(
        Many(_SELECTION), "Projects and versions that may not enter, whatever else is said.", default=()
    )
    deny_sha256: tuple[str, ...] = setting(Many(SHA256), "Files that may not enter.", default=())
    yanked: bool = setting(Flag(), "Whether files that their index yanked may enter.", default=False)
    refused_status: tuple[ProjectStatus, ...] = setting(
        Many(Choice(ProjectStatus)),
        "Project status, as the upstream tells it, at which nothing enters.",
        default=(ProjectStatus.QUARANTINED,),
    )
    licences: tuple[str, ...] = setting(
        Many(_LICENCE),
        "Licences that suffice; empty means any. Judged by the licence expression in the file, none = undecided.",
        default=(),
    )
    provenance: tuple[str, ...] = setting(
        Many(Parsed(name_pattern, "a project name, * allowed", "cryptography")),
        "Projects whose files must come with a provenance statement about them.",
        default=(),
    )
    explain_refusals: bool = setting(
        Flag(), "Whether a refused project's page lists one entry that explains itself.", default=True
    )
    advisories: Advisories = setting(
        Choice(Advisories),
        "Whether known vulnerabilities decide; required without data means undecided.",
        default=Advisories.OFF,
    )
    advisory_max_age: int = setting(
        Whole("days", 1, 3650), "Age in days at which advisory data counts as missing.", default=14
    )
    ignored_advisories: tuple[str, ...] = setting(
        Many(Text("an identifier", example="PYSEC-2024-1", pattern=r"[A-Za-z0-9][A-Za-z0-9-]*")),
        "Advisories, by identifier or alias, that do not decide; say why in a comment.",
        default=(),
    )
    categories: Categories = section(Categories, "What is done with each category of finding.")

    def is_private(self, name: str) -> bool:
        """Whether a project must never come from upstream; names are compared normalised (PEP 503)."""
        normal = canonicalize_name(name)
        return normal in OWN_PROJECTS or any(fnmatch.fnmatchcase(normal, pattern) for pattern in self.private)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What the guard's command may be asked to leave out."""

    allow_observe: bool = setting(Flag(), "Whether --observe may let everything through.", default=False)
    allow_python_only: bool = setting(Flag(), "Whether --python-only may do without the kernel layer.", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A narrow exception, with a reason, that runs out."""

    project: str = setting(
        Parsed(lambda text: canonicalize_name(text, validate=True), "a project name", "gradio"), "The project."
    )
    versions: SpecifierSet | None = setting(
        Parsed(specifiers, "version specifiers", ">=5,<6"), "Its versions.", default=None
    )
    sha256: str | None = setting(SHA256, "Or one file.", default=None)
    category: WaivedCategory = setting(Choice(WaivedCategory), "The category that is waived.")
    kill_switch: tuple[tuple[str, str], ...] = setting(
        Variables(), "Variables that turn the call off; the guard sets them in every process.", default=()
    )
    reason: str = setting(Text(example="switched off by the variable"), "Why this is in order.")
    expires: date = setting(Day(), "The last day on which it holds.")

    def complaint(self) -> tuple[str, str] | None:
        """What a field alone cannot tell: problem and fix."""
        if (self.versions is None) == (self.sha256 is None):
            return "must name either versions or sha256", 'add versions = ">=1,<2", or sha256 for one file'
        return None

    def applies(self, *, project: str, version: Version | None, sha256: str, category: Category) -> bool:
        """Whether it is about this finding of this file; its expiry is judged apart."""
        if canonicalize_name(project) != self.project or self.category.value != category.value:
            return False
        if self.sha256 is not None:
            return sha256 == self.sha256
        return version is not None and self.versions is not None and self.versions.contains(version, prereleases=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One policy; made by ``read_policy``, never by hand outside tests."""

    format: int = setting(Whole("format", 1, 1), "The format of this file; 1.")
    index: Index = section(Index, "Where everything is installed from.")
    catalogue: Catalogue = section(Catalogue, "The signed list of admitted files.")
    egress: Egress = section(Egress, "What a guarded process may connect to.")
    admission: Admission = section(Admission, "What may enter the mirror.")
    guard: Guard = section(Guard, "What the guard's command may be asked to leave out.")
    waiver: tuple[Waiver, ...] = setting(Many(Table(Waiver)), "Narrow exceptions.", default=())
