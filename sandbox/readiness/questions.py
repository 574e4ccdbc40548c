"""The questions that are asked of a run. Each answers with what it found wrong, and what it saw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sandbox.clock import iso
from sandbox.readiness.circumstances import circumstances, of_a_repeat, refusing
from sandbox.readiness.gaps import each, gap, of_rule
from sandbox.readiness.patience import Wait, waits
from sandbox.readiness.policy import Policy
from sandbox.readiness.run import Run
from sandbox.readiness.stories import Story
from sandbox.reports.findings import finding
from sandbox.reports.model import Finding, Level

__all__ = ["QUESTIONS", "Answer"]

SHOWN = 5
"""Meters, or waits, that are named."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`seen` is a sentence on what the run shows; without findings that are errors it is a yes, or
    neither yes nor no where the question does not arise."""

    seen: str
    findings: Sequence[Finding] = ()
    arises: bool = True


Question = Callable[[Run, Policy], Answer]


def whole(run: Run, _: Policy) -> Answer:
    """Is the recording whole, and is there usage in it?"""
    exchanges = sum(1 for _ in run.exchanges)
    found = []
    if not run.stories:
        found.append(gap("No event of usage was sent.", "record a run that sends some."))
    for one in run.recorded:
        if not one.whole:
            why = "The recording is longer than what is kept, and its beginning is gone."
            found.append(gap(why, "record the run in parts: an account for each."))
        if one.restored.different:
            why = f"{one.restored.different} requests are answered otherwise when done again."
            found.append(gap(why, "record the run again, with this version of meterbox."))
    return Answer(f"{exchanges:,} requests with {len(run.stories):,} events", found)


def followed(run: Run, _: Policy) -> Answer:
    """Can every event in the ledger be followed from the requests that brought it?"""
    if not run.strays:
        return Answer("")
    brought = sorted({entry.usage.meter or "no meter" for entry in run.strays})
    why = (
        f"{len(run.strays):,} entries of the ledger are of events that came in other requests than "
        f"those whose events can be read ({', '.join(brought[:SHOWN])}): whether they came again, "
        "were lost or are billed twice is not known."
    )
    fix = 'look after these yourself, and say so: waived = { followed = "..." }.'
    return Answer("", [gap(why, fix)])


def clean(run: Run, policy: Policy) -> Answer:
    """Did every request keep to the contract, but for what is expected?"""
    let = policy.expected | circumstances(run.contract)
    found, meant = [], 0
    for exchange in run.exchanges:
        told = [one for one in exchange.findings if not of_a_repeat(one, exchange)]
        odd = [one for one in told if one.rule not in let]
        meant += bool(told) and not odd
        for violation in odd:
            found.append(_renamed(finding(violation, run.contract.rules), exchange.id))
        if exchange.verdict == "refused" and not (exchange.findings or exchange.fault):
            why = f"{exchange.id}: was answered {exchange.reply.status}, and no rule says why."
            found.append(gap(why, "see what became of it, and record the run again."))
    return Answer(f"{meant:,} requests broke rules as expected" if meant else "", found)


def refusals(run: Run, policy: Policy) -> Answer:
    """Has the run met every rule that can refuse events that are right in shape?"""
    named = refusing(run)
    wanted = sorted(named - set(policy.waived))
    if not wanted:
        why = "all of these are waived" if named else "no contract case shows such a rule"
        return Answer(why, arises=False)
    found = [
        of_rule(run.contract, rule, "Nothing in the run met this rule.", _meet(rule))
        for rule in wanted
        if rule not in run.rules
    ]
    met = sorted(set(wanted) & run.rules)
    return Answer(f"met {', '.join(met)}" if met else "", found)


def duplicates(run: Run, _: Policy) -> Answer:
    """Was an event that the vendor had taken sent again under its key?"""
    twice = [s for s in run.stories if any(not x.refused and s.again(x) for x in s.sights)]
    if twice:
        return Answer(f"{len(twice):,} events came more than once")
    why = "No event that was taken came a second time."
    return Answer("", [gap(why, "send one again, with the same key: a retry does.")])


def late(run: Run, policy: Policy) -> Answer:
    """Was an event late, and billed all the same or let go on purpose?"""
    rule = run.layout.oldest if run.layout else None
    if rule is None:
        return Answer("no rule on the age of events is known", arises=False)
    stories = [story for story in run.stories if rule in story.rules]
    if not stories:
        why = "No event was late."
        return Answer(
            "", [of_rule(run.contract, rule, why, "send one that is older than it says.")]
        )
    lost = [] if rule in policy.expected else [story for story in stories if not story.billed]
    fix = f"bring them in by a backfill, or let them go: expected = [{rule!r}]."
    found = each(lost, "late events are never billed", fix)
    return Answer(f"{len(stories):,} events were late", found)


def lost_replies(run: Run, _: Policy) -> Answer:
    """Was a reply lost, and the event sent again under its key?"""
    hit = [s for s in run.stories if any(sight.unanswered for sight in s.sights)]
    fix = (
        "let replies get lost (meterbox fault add ... --preset lost-replies) while events are sent."
    )
    if not hit:
        return Answer("", [gap("No reply to an event was lost.", fix)])
    once = [s for s in hit if not any(x.unanswered and s.again(x) for x in s.sights)]
    why = "events got no answer and were not sent again under their key"
    found = each(once, why, "send an event again until an answer comes.")
    came = len(hit) - len(once)
    return Answer(f"{len(hit):,} events got no answer, {came:,} of them came again", found)


def throttling(run: Run, _: Policy) -> Answer:
    """Was the client told to slow down, and did its events arrive later?"""
    hit = [s for s in run.stories if any(sight.throttled for sight in s.sights)]
    fix = "answer 429 for a while (meterbox fault add ... --preset throttled)."
    if not hit:
        return Answer("", [gap("No request was answered 429.", fix)])
    given_up = [s for s in hit if s.sights[-1].throttled]
    found = each(given_up, "events were given up after a 429", "send them again, later.")
    return Answer(f"{len(hit):,} events were answered 429 and came again", found)


def patience(run: Run, _: Policy) -> Answer:
    """Did events come again no earlier than Retry-After said?"""
    asked = list(waits(run.stories))
    known = [wait for wait in asked if wait.told]
    if not known:
        stood = "the clock stood still where one did" if asked else "no answer to one said it"
        return Answer(f"not exercised: {stood}", arises=False)
    early = [wait for wait in known if not wait.kept]
    fix = (
        "wait until then before the next try; where waits were made shorter on purpose, say so: "
        'waived = { retry-after = "..." }.'
    )
    found = [gap(_too_early(early), fix)] if early else []
    return Answer(f"{len(known) - len(early):,} of {len(known):,} waits were kept", found)


def keys(run: Run, _: Policy) -> Answer:
    """Does an event keep its key when it is sent again?"""
    why = "events came again under another key after they failed"
    fix = "make the key once, where the event is made, and keep it."
    return Answer("", each([story for _, story in _renamed_events(run)], why, fix))


def once(run: Run, _: Policy) -> Answer:
    """Is nothing billed twice?"""
    double = [story for story in run.stories if story.twice]
    renamed = [after for before, after in _renamed_events(run) if any(b.billed for b in before)]
    double += [story for story in renamed if story.billed]
    fix = "send an event again only under a key that the vendor knows it by."
    billed = sum(story.billed for story in run.stories)
    return Answer(f"{billed:,} events are billed", each(double, "events are billed twice", fix))


def conserved(run: Run, policy: Policy) -> Answer:
    """Is every event billed, or let go on purpose?"""
    lost = [s for s in run.stories if not s.billed and not s.rules & policy.expected]
    found = []
    for rule, stories in _by_rule(lost).items():
        fix = f"see that they arrive, or let them go: expected = [{rule!r}]."
        fix = fix if rule else "send them again until they are taken."
        found += each(stories, "events are never billed", fix, run.contract, rule)
    let_go = sum(not story.billed for story in run.stories) - len(lost)
    return Answer(f"{let_go:,} were let go as expected" if let_go else "", found)


def assumptions(run: Run, policy: Policy) -> Answer:
    """Which rules that the run leans on are assumed?"""
    leaned = next(one for one in run.coverage if one.kind == "rules").exercised
    assumed = [rule for rule in leaned if run.contract.rules[rule].confidence == "assumed"]
    found = []
    for rule in assumed:
        refused = policy.assumptions == "refuse" and rule not in policy.trusted
        level: Level = "error" if refused else "note"
        why = "The run leans on this, and no public source says so."
        fix = "ask the vendor, or try it with a test key; then name the rule under `trusted`."
        found.append(of_rule(run.contract, rule, why, fix, level))
    return Answer(f"{len(assumed)} of {len(leaned)} rules that spoke are assumed", found)


def covered(run: Run, policy: Policy) -> Answer:
    """Was enough of the contract exercised?"""
    if not policy.coverage:
        return Answer("the policy asks for none", arises=False)
    found = []
    kinds = {one.kind: one for one in run.coverage}
    for kind, least in policy.coverage.items():
        reached = kinds[kind.replace("-", " ")].percent
        if reached < least:
            why = f"{kind}: {reached:.0f} % exercised, under the {least:g} % of the policy."
            found.append(gap(why, "exercise more of them, or ask for less."))
    return Answer("", found)


QUESTIONS: Mapping[str, Question] = {
    "whole": whole,
    "followed": followed,
    "contract": clean,
    "refusals": refusals,
    "duplicates": duplicates,
    "late": late,
    "lost-replies": lost_replies,
    "throttling": throttling,
    "retry-after": patience,
    "keys": keys,
    "billed-once": once,
    "conserved": conserved,
    "assumptions": assumptions,
    "coverage": covered,
}
"""By name, in the order they are asked. A question's docstring is how it is put."""


def _renamed_events(run: Run) -> list[tuple[list[Story], Story]]:
    """Events that came after others which are the same but for the key, and of which the last that
    was heard is a failure."""
    failed: dict[bytes, list[Story]] = {}
    found = []
    for story in run.stories:
        first = story.sights[0]
        if story.key is None or first.usage.time is None:
            continue
        before = failed.get(first.content, [])
        if before:
            found.append(([*before], story))
        if story.sights[-1].failed:
            failed.setdefault(first.content, []).append(story)
    return found


def _too_early(early: Sequence[Wait]) -> str:
    shown = ", ".join(
        f"{wait.story.name} at {iso(wait.came)} and not at {iso(wait.until)}"
        for wait in early[:SHOWN]
    )
    more = f", and {len(early) - SHOWN:,} more" if len(early) > SHOWN else ""
    return f"{len(early):,} events came again before the time that they were told: {shown}{more}."


def _by_rule(stories: Iterable[Story]) -> dict[str, list[Story]]:
    """Events by the rule that spoke last of them, if one did."""
    found: dict[str, list[Story]] = {}
    for story in stories:
        last = story.entries[-1].rule if story.entries else None
        found.setdefault(last or next(iter(sorted(story.rules)), ""), []).append(story)
    return found


def _renamed(found: Finding, exchange: str) -> Finding:
    """A finding that tells which request it is about."""
    return replace(found, message=f"{exchange}: {found.message}")


def _meet(rule: str) -> str:
    return f'break it in the run, or say why not: waived = {{ {rule!r} = "..." }}.'
