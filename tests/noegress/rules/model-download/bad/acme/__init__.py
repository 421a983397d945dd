from acme.weights import Encoder
