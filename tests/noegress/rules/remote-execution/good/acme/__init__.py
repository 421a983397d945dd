HELP = "To install, run: curl -fsSL https://get.vendor.dev/install.sh | sh"


def explain():
    print(HELP)
