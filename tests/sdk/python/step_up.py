"""A stronger sign-in that a policy module asks for, through Azure's own Python package, unmodified.

Everything comes from the environment: VAULT_URL, REQUESTS_CA_BUNDLE, ACCESS_TOKEN, and STRONGER_TOKEN, which the
credential gives when it is asked for claims.
"""

import json
import os
import time

from azure.core.credentials import AccessToken
from azure.keyvault.secrets import SecretClient


class SignsInAgain:
    def __init__(self):
        self.claims = []

    def get_token(self, *scopes, claims=None, **options):
        self.claims.append(claims)
        return AccessToken(os.environ["STRONGER_TOKEN" if claims else "ACCESS_TOKEN"], int(time.time()) + 600)


def main():
    credential = SignsInAgain()
    client = SecretClient(os.environ["VAULT_URL"], credential)
    client.set_secret("guarded", "for two factors")
    assert credential.claims == [None], credential.claims
    assert client.get_secret("guarded").value == "for two factors"
    asked = [json.loads(claims) for claims in credential.claims if claims]
    wanted = {"essential": True, "values": ["urn:example:two-factors"]}
    assert asked == [{"access_token": {"acr": wanted}}], credential.claims
    print("done")


main()
