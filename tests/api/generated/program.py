"""A program that uses the generated client: type-checked with it, and run against the API."""

import sys

from client import AuthenticatedClient
from client.api.accords import get_accord, list_accords
from client.api.health import livez
from client.models import AccordPage, AccordView, Live, ProblemDetails

url, token = sys.argv[1:]
with AuthenticatedClient(base_url=url, token=token) as api:
    live = livez.sync(client=api)
    assert isinstance(live, Live)
    page = list_accords.sync(client=api, limit=5)
    assert isinstance(page, AccordPage)
    for row in page.items:
        whole = get_accord.sync(row.accord, client=api)
        assert isinstance(whole, AccordView)
        print(whole.accord, whole.stage, sorted(whole.parties.to_dict()))
    missing = get_accord.sync("none", client=api)
    assert isinstance(missing, ProblemDetails)
    print(missing.code.value)
