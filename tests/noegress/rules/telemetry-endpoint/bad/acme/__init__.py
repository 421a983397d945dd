from acme import usage
