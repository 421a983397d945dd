SCHEME = "https://"
ROOT = "vendor.dev"
HOST = "usage-stats." + ROOT


class Endpoints:
    base = SCHEME + HOST
