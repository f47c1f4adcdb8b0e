"""Tokens of every algorithm, made by PyJWT, and the key set that verifies them: {"keys": […], "tokens": {alg: token}}."""

import json
import sys

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm

claims = json.loads(sys.argv[1])
secret = b"a secret that is long enough for HS512, which needs 64 bytes of it"
rsa_key = rsa.generate_private_key(65537, 2048)
made = [(alg, secret, HMACAlgorithm.to_jwk(secret, as_dict=True)) for alg in ("HS256", "HS384", "HS512")]
made += [
    (alg, rsa_key, RSAAlgorithm.to_jwk(rsa_key.public_key(), as_dict=True))
    for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
]
for alg, curve in (("ES256", ec.SECP256R1()), ("ES384", ec.SECP384R1())):
    key = ec.generate_private_key(curve)
    made.append((alg, key, ECAlgorithm.to_jwk(key.public_key(), as_dict=True)))
key = ed25519.Ed25519PrivateKey.generate()
made.append(("EdDSA", key, OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)))
json.dump(
    {
        "keys": [{**jwk, "kid": "py-" + alg, "alg": alg} for alg, _, jwk in made],
        "tokens": {alg: jwt.encode(claims, key, alg, {"kid": "py-" + alg}) for alg, key, _ in made},
    },
    sys.stdout,
)
