"""The questions that are asked of a run. Each answers with what it found wrong, and what it saw."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from contracts.cases import read_cases
from contracts.model import Contract
from sandbox.coverage import coverage
from sandbox.idempotency import REPLAY
from sandbox.readiness.policy import Policy
from sandbox.readiness.run import Run, Story
from sandbox.reports.findings import finding as told
from sandbox.reports.model import Finding, Level

__all__ = ["QUESTIONS", "Answer", "circumstances"]

SHOWN = 5
"""Events that a finding names; the others are counted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`seen` is a sentence on what the run shows; without findings that are errors it is a yes."""

    seen: str
    findings: Sequence[Finding] = ()


Question = Callable[[Run, Policy], Answer]


def whole(run: Run, _: Policy) -> Answer:
    """Is the recording whole, and is there usage in it?"""
    exchanges = sum(1 for _ in run.exchanges)
    found = []
    if not run.stories:
        found.append(_gap("No event of usage was sent.", "record a run that sends some."))
    for one in run.recorded:
        if one.restored.different:
            why = f"{one.restored.different} requests are answered otherwise when done again."
            found.append(_gap(why, "record the run again, with this version of meterbox."))
    return Answer(f"{exchanges:,} requests with {len(run.stories):,} events", found)


def clean(run: Run, policy: Policy) -> Answer:
    """Did every request keep to the contract, but for what is expected?"""
    known, found, meant = circumstances(run.contract), [], 0
    for exchange in run.exchanges:
        if exchange.verdict == "fault":
            continue
        odd = [
            found
            for found in exchange.findings
            if found.rule not in policy.expected | known and found.message != REPLAY
        ]
        meant += bool(exchange.findings) and not odd
        for violation in odd:
            rule = told(violation, run.contract.rules)
            found.append(_renamed(rule, exchange.id))
    return Answer(f"{meant:,} requests broke rules as expected" if meant else "", found)


def refusals(run: Run, policy: Policy) -> Answer:
    """Has the run met every rule that can turn this traffic down?"""
    named = _turning_down(run.contract) & circumstances(run.contract)
    wanted = sorted(named - set(policy.waived))
    found = [
        _of_rule(run.contract, rule, "Nothing in the run met this rule.", _meet(rule))
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
    gap = "No event that was taken came a second time."
    return Answer("", [_gap(gap, "send one again, with the same key: a retry does.")])


def late(run: Run, policy: Policy) -> Answer:
    """Was an event late, and billed all the same or let go on purpose?"""
    rule = run.layout.oldest if run.layout else None
    if rule is None:
        return Answer("the vendor has no rule on the age of events that is known")
    stories = [story for story in run.stories if rule in story.rules]
    if not stories:
        gap = "No event was late."
        return Answer(
            "", [_of_rule(run.contract, rule, gap, "send one that is older than it says.")]
        )
    lost = [] if rule in policy.expected else [story for story in stories if not story.billed]
    fix = f"bring them in by a backfill, or let them go: expected = [{rule!r}]."
    found = _each(lost, "late events are never billed", fix)
    return Answer(f"{len(stories):,} events were late", found)


def lost_replies(run: Run, _: Policy) -> Answer:
    """Was a reply lost, and the event sent again under its key?"""
    hit = [s for s in run.stories if any(sight.ambiguous for sight in s.sights)]
    again = [s for s in hit if any(x.ambiguous and s.again(x) for x in s.sights)]
    fix = (
        "let replies get lost (meterbox fault add ... --preset lost-replies) while events are sent."
    )
    if not hit:
        return Answer("", [_gap("No reply to an event was lost.", fix)])
    if not again:
        why = "replies to events were lost, and none was sent again under its key"
        return Answer("", _each(hit, why, "send an event again until an answer comes."))
    return Answer(f"{len(hit):,} events got no answer, {len(again):,} of them came again")


def throttling(run: Run, _: Policy) -> Answer:
    """Was the client told to slow down, and did its events arrive later?"""
    hit = [s for s in run.stories if any(sight.throttled for sight in s.sights)]
    fix = "answer 429 for a while (meterbox fault add ... --preset throttled)."
    if not hit:
        return Answer("", [_gap("No request was answered 429.", fix)])
    given_up = [s for s in hit if s.sights[-1].throttled]
    found = _each(given_up, "events were given up after a 429", "send them again, later.")
    return Answer(f"{len(hit):,} events were answered 429 and came again", found)


def keys(run: Run, _: Policy) -> Answer:
    """Does an event keep its key when it is sent again?"""
    why = "events came again under another key after they failed"
    fix = "make the key once, where the event is made, and keep it."
    return Answer("", _each([story for _, story in _renamed_events(run)], why, fix))


def once(run: Run, _: Policy) -> Answer:
    """Is nothing billed twice?"""
    double = [story for story in run.stories if story.twice]
    double += [after for before, after in _renamed_events(run) if before.billed and after.billed]
    fix = "send an event again only under a key that the vendor knows it by."
    billed = sum(story.billed for story in run.stories)
    return Answer(f"{billed:,} events are billed", _each(double, "events are billed twice", fix))


def conserved(run: Run, policy: Policy) -> Answer:
    """Is every event billed, or let go on purpose?"""
    lost = [s for s in run.stories if not s.billed and not s.rules & policy.expected]
    found = []
    for rule, stories in _by_rule(lost).items():
        fix = f"see that they arrive, or let them go: expected = [{rule!r}]."
        found += _each(stories, "events are never billed", fix, run.contract, rule)
    let_go = sum(not story.billed for story in run.stories) - len(lost)
    return Answer(f"{let_go:,} were let go as expected" if let_go else "", found)


def assumptions(run: Run, policy: Policy) -> Answer:
    """Which rules that the run leans on are assumed?"""
    covered = coverage(run.contract, [one.account for one in run.recorded])
    leaned = next(one for one in covered if one.kind == "rules").exercised
    assumed = [rule for rule in leaned if run.contract.rules[rule].confidence == "assumed"]
    found = []
    for rule in assumed:
        refused = policy.assumptions == "refuse" and rule not in policy.trusted
        level: Level = "error" if refused else "note"
        why = "The run leans on this, and no public source says so."
        fix = "ask the vendor, or try it with a test key; then name the rule under `trusted`."
        found.append(_of_rule(run.contract, rule, why, fix, level))
    return Answer(f"{len(assumed)} of {len(leaned)} rules that spoke are assumed", found)


def covered(run: Run, policy: Policy) -> Answer:
    """Was enough of the contract exercised?"""
    found = []
    kinds = {one.kind: one for one in coverage(run.contract, [r.account for r in run.recorded])}
    for kind, least in policy.coverage.items():
        reached = kinds[kind.replace("-", " ")].percent
        if reached < least:
            why = f"{kind}: {reached:.0f} % exercised, under the {least:g} % of the policy."
            found.append(_gap(why, "exercise more of them, or ask for less."))
    return Answer("", found)


QUESTIONS: Mapping[str, Question] = {
    "whole": whole,
    "contract": clean,
    "refusals": refusals,
    "duplicates": duplicates,
    "late": late,
    "lost-replies": lost_replies,
    "throttling": throttling,
    "keys": keys,
    "billed-once": once,
    "conserved": conserved,
    "assumptions": assumptions,
    "coverage": covered,
}
"""By name, in the order they are asked. A question's docstring is how it is put."""


def circumstances(contract: Contract) -> set[str]:
    """Rules by which events that are right in shape are turned down: by their time, by who their
    customer is, by how many come."""
    told = {f"{contract.vendor}.rate-limits"} & set(contract.rules)
    for layout in contract.layouts:
        named = (layout.oldest, layout.ahead, layout.unknown)
        told |= {rule for rule in named if rule}
    return told


def _turning_down(contract: Contract) -> set[str]:
    """Rules that some contract case shows to refuse a request or an event. Being told to slow
    down has a question of its own."""
    named = set()
    for case in read_cases(contract):
        if int(case.response.get("status", 0)) >= 400 and case.findings:
            named |= {str(found["rule"]) for found in case.findings}
    return named - {f"{contract.vendor}.rate-limits"}


def _renamed_events(run: Run) -> list[tuple[Story, Story]]:
    """Events that failed, or whose fate was not told, and the same ones under another key."""
    failed: dict[bytes, Story] = {}
    found = []
    for story in run.stories:
        first = story.sights[0]
        before = failed.get(first.content) if first.usage.time is not None else None
        if before is not None:
            found.append((before, story))
        if any(sight.ambiguous or sight.refused for sight in story.sights):
            failed.setdefault(first.content, story)
    return found


def _by_rule(stories: Iterable[Story]) -> dict[str, list[Story]]:
    """Events by the rule that spoke last of them, if one did."""
    found: dict[str, list[Story]] = {}
    for story in stories:
        last = story.entries[-1].rule if story.entries else None
        found.setdefault(last or next(iter(sorted(story.rules)), ""), []).append(story)
    return found


def _each(
    stories: Sequence[Story],
    why: str,
    fix: str,
    contract: Contract | None = None,
    rule: str = "",
) -> list[Finding]:
    """One finding on these events, if there are any."""
    if not stories:
        return []
    named = ", ".join(story.name for story in stories[:SHOWN])
    more = f", and {len(stories) - SHOWN:,} more" if len(stories) > SHOWN else ""
    message = f"{len(stories):,} {why}: {named}{more}."
    return [_of_rule(contract, rule, message, fix) if contract and rule else _gap(message, fix)]


def _gap(message: str, fix: str) -> Finding:
    return Finding(message, path="", fix=fix)


def _of_rule(
    contract: Contract, rule: str, message: str, fix: str, level: Level = "error"
) -> Finding:
    known = contract.rules[rule]
    return Finding(
        message,
        path="",
        level=level,
        rule=rule,
        sentence=known.sentence,
        source=known.source,
        confidence=known.confidence,
        read=known.read,
        fix=fix,
    )


def _renamed(found: Finding, exchange: str) -> Finding:
    """A finding that tells which request it is about."""
    return replace(found, message=f"{exchange}: {found.message}")


def _meet(rule: str) -> str:
    return f'break it in the run, or say why not: waived = {{ {rule!r} = "..." }}.'
