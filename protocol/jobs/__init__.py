"""Runs that are sent to a provider in chunks and survive being killed (theory 4.7 and 6).

`start` fixes the plan and the settings in a ledger before anything is sent, `drive` sends chunks
and fetches outcomes, `resume` goes on from wherever the last process stopped, `result` writes the
run folder.  The providers have a room of their own.

A run folder may come from anybody: `ledger` believes what it checked, and `named` says what a
folder may not decide.

A chunk goes planned → submitting → submitted → done, or ends failed or cancelled.  What is
recorded always comes before what is done: the settings before they are sent, the intention to
send before sending, the provider's job id before waiting, the extractor's bits before extracting.
"""
