"""How the project's own client, ``api.client``, does each operation that is no act."""

from __future__ import annotations

from collections.abc import Mapping

CALLS: Mapping[str, str] = {
    "read_sheets": """\
sheets = {"conditions.csv": b"id,title,obligors\\r\\nC9,Agenda agreed,AA\\r\\n"}
print(await api.read_sheets(sheets, accord="visit-2027"))""",
    "livez": "print(await api.livez())",
    "readyz": "print(await api.readyz())",
    "list_accords": "async for row in api.accords():\n    print(row.accord, row.stage)",
    "open_accord": "receipt = await api.open(DEFINITION, key=KEY)\nprint(receipt.accord)",
    "get_accord": "state = await accord.state()\nprint(state.stage, state.blocking)",
    "get_bundle": 'await accord.record.bundle(Path("record.bundle"))',
    "get_checkpoint": "print((await accord.record.checkpoint()).decode())",
    "get_claims": "print(await accord.claims())",
    "move_clock": 'await accord.move_clock(datetime.fromisoformat("2030-04-12T08:00:00+00:00"), key=KEY)',
    "get_definition": "definition = await accord.definition()\nprint(definition.digest())",
    "get_finality": "print(await accord.record.finality())",
    "list_events": "async for entry in accord.events():\n    print(entry.position, entry.says)",
    "follow_accord": "async for told in accord.feed(since=0):\n    print(told.position, told.entry.says)",
    "list_files": "async for file in accord.files():\n    print(file.digest, file.size)",
    "list_join_links": "print(await accord.join_links())",
    "make_join_link": 'link = await accord.make_join_link("aa.treaty", valid_for="P7D", key=KEY)\nprint(link)',
    "withdraw_join_link": 'await accord.withdraw_join_link("LINK")',
    "list_papers": "print(await accord.record.papers())",
    "get_paper": 'paper = await accord.record.paper("KIND")\nPath(paper.name or "paper").write_bytes(paper.content)',
    "get_policy": "print((await accord.record.policy()).decode())",
    "get_proof": "print((await accord.record.proof(POSITION)).decode())",
    "get_redline": 'print(await accord.redline(older="OLDER", newer="NEWER"))',
    "get_sheet": 'sheet = await accord.record.sheet()\nPath(sheet.name or "sheet").write_bytes(sheet.content)',
    "get_tile": 'Path("tile").write_bytes(await accord.record.tile("PATH"))',
    "get_timestamps": "print(await accord.record.timestamps())",
    "why": 'for check in (await accord.why("STEP")).checks:\n    print(check.met, check.reason, check.who)',
    "list_accounts": "print(await api.accounts.list())",
    "unlink_account": 'await api.accounts.unlink("ACCOUNT")',
    "list_api_keys": "print(await api.api_keys.list())",
    "make_api_key": "made = await api.api_keys.make(\n"
    '    label="a monitor\'s", scopes=("read", "act:condition_changed"), key=KEY\n'
    ")\nprint(made)",
    "revoke_api_key": 'await api.api_keys.revoke("KEY")',
    "read_desk": "async for step in api.desk():\n    print(step.kind, step.says)",
    "follow_feed": "async for told in api.feed(since=0):\n    print(told.position, told.entry.says)",
    "get_file": 'await api.files.get("DIGEST", Path("content"))',
    "put_file": 'deposit = await api.files.put(accord.id, Path("FILE"))\nprint(deposit.digest)',
    "join": "joined = await api.join(TOKEN)\nprint(joined)",
    "get_keys": "print(await api.keys())",
    "get_operation": "print(await api.operation())",
    "get_me": "print(await api.me())",
    "end_notices": "await api.notices.end()",
    "get_notices": "print(await api.notices.get())",
    "choose_notices": 'await api.notices.choose("delegate@aa.example", hour=7, zone="Asia/Seoul")',
    "confirm_notices": 'await api.notices.confirm("12345678")',
    "list_webhooks": "print(await api.webhooks.list())",
    "add_webhook": "hook = await api.webhooks.add(URL, types=TYPES, key=KEY)\nprint(hook.id, hook.secret)",
    "delete_webhook": 'await api.webhooks.delete("WEBHOOK")',
    "get_webhook": 'print(await api.webhooks.get("WEBHOOK"))',
    "list_deliveries": 'async for attempt in api.webhooks.deliveries("WEBHOOK"):\n    print(attempt.status)',
    "replay_webhook": 'await api.webhooks.replay("WEBHOOK", since=0, key=KEY)',
    "rotate_webhook_secret": 'hook = await api.webhooks.rotate_secret("WEBHOOK", overlap_hours=24, key=KEY)\n'
    "print(hook.secret)",
    "switch_webhook": 'await api.webhooks.switch("WEBHOOK", on=True, key=KEY)',
}
"""Code by operation; ``api`` is the client, ``accord`` the accord. In capitals stands what the reader puts in."""
