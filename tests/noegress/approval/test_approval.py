"""What counts as approved; attacks are changes of a dossier or of the keys."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from noegress.approval import ApprovalError
from noegress.approval.check import check_dossier, check_entries, check_trail, trail_document
from noegress.approval.dossier import Dossier, parse_dossier, read_dossier, request_files
from noegress.approval.filing import file_dossier, filed
from noegress.approval.statement import APPROVAL, REQUEST, SUMMARY, Subject, read_statement, sign_statement
from noegress.approval.summary import document_of, summarise
from noegress.catalogue._tuf import Signer
from noegress.catalogue.keys import RoleKeys, generate_keys
from noegress.catalogue.lookup import listed_documents
from noegress.catalogue.repository import CatalogueRepository
from noegress.ceremony.ceremony import Ceremony
from noegress.ceremony.holders import approval_people, changed_keys, holders_of
from noegress.ceremony.install import install
from noegress.ceremony.proposal import propose_keys, propose_release
from noegress.custody import CustodyLog
from noegress.custody.events import approval_events, release_events
from noegress.errors import NoegressError, UsageError
from noegress.finding import Basis, KillSwitch
from noegress.verdict import Verdict

Mirror = Any  # the class of conftest; test modules do not import each other
SWITCH = KillSwitch(name="DEMO_TELEMETRY", value="0", basis=Basis.KNOWN, source="mirror")
MakeKey = Callable[[str, str], Signer]


def travelled(dossier: Dossier, tmp_path: Path) -> Dossier:
    path = tmp_path / "dossier.json"
    path.write_bytes(dossier.to_bytes())
    return read_dossier(path)


def signed(ceremony: Ceremony, mirror: Mirror, *pairs: tuple[str, str]) -> Ceremony:
    for role, owner in pairs:
        ceremony.sign(mirror.key(role, owner))
    return ceremony


def test_what_another_approved_counts(mirror: Mirror, tmp_path: Path) -> None:
    approved = check_dossier(travelled(mirror.approved("bob"), tmp_path), mirror.people)
    assert (approved.requesters, approved.approvers) == (("alice",), ("bob",))


def test_statements_are_in_toto_and_summaries_are_slsa(mirror: Mirror) -> None:
    dossier = mirror.approved("bob")
    summary = json.loads(dossier.evidence[0].envelope.payload)
    assert dossier.evidence[0].envelope.payload_type == "application/vnd.in-toto+json"
    assert summary["_type"] == "https://in-toto.io/Statement/v1"
    assert summary["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert set(summary) == {"_type", "subject", "predicateType", "predicate"}
    required = {"verifier", "timeVerified", "resourceUri", "policy", "verificationResult", "verifiedLevels"}
    assert set(summary["predicate"]) == required | {"inputAttestations", "slsaVersion"}
    assert set(summary["predicate"]["verifier"]) == {"id"}
    assert set(summary["predicate"]["policy"]) <= {"uri", "digest"}
    assert [set(item) for item in summary["predicate"]["inputAttestations"]] == [{"uri", "digest"}]
    assert summary["predicate"]["verifiedLevels"] == ["SLSA_BUILD_LEVEL_0"]
    assert summary["predicate"]["slsaVersion"] == "1.0"
    assert datetime.fromisoformat(summary["predicate"]["timeVerified"]).tzinfo is not None
    for uri in (summary["predicate"]["verifier"]["id"], summary["predicate"]["policy"]["uri"]):
        assert uri.startswith("urn:noegress:")
    assert summary["predicate"]["resourceUri"].startswith("pkg:pypi/demo@1.0?")
    assert summary["predicate"]["verificationResult"] == "PASSED"
    assert summary["predicate"]["policy"]["digest"] == {"sha256": "ab" * 32}
    assert summary["subject"][0]["digest"]["sha256"] in dossier.request.files


def test_a_refused_file_has_a_summary_that_says_so(mirror: Mirror) -> None:
    publication = mirror.publish("evil", Verdict.REFUSED)
    summary = summarise(publication, mirror.online, root_sha256="0" * 64)
    assert summary.predicate["verificationResult"] == "FAILED"
    with pytest.raises(ApprovalError, match=r"the mirror did not admit evil-1\.0"):
        check_dossier(mirror.approved("bob"), mirror.people)


class TestSeparationOfDuties:
    def refused(self, dossier: Dossier, mirror: Mirror, match: str) -> None:
        with pytest.raises(ApprovalError, match=match):
            file_dossier(mirror.catalogue, dossier, mirror.people)
        assert not filed(mirror.catalogue, mirror.people).approved

    def test_nobody_approves_their_own_request(self, mirror: Mirror) -> None:
        self.refused(mirror.approved("alice"), mirror, "nobody approves their own request")

    def test_whoever_asked_counts_for_nothing_beside_others(self, mirror: Mirror) -> None:
        people = replace(mirror.people, approvers=replace(mirror.people.approvers, threshold=2))
        with pytest.raises(ApprovalError, match="approved by 1 people of whom 2"):
            check_dossier(mirror.approved("alice", "bob"), people)
        assert check_dossier(mirror.approved("carol", "bob"), people).approvers == ("bob", "carol")

    def test_two_keys_of_one_person_count_once(self, mirror: Mirror, make_key: MakeKey) -> None:
        second = make_key("bob2.pem", "bob")
        with pytest.raises(UsageError, match="bob holds two keys"):
            RoleKeys(keys=(*mirror.people.approvers.keys, second.public_key), threshold=2)
        dossier = mirror.approved("bob").signed(second, now=_now(), is_approved=True)
        people = replace(mirror.people, approvers=_unchecked((*mirror.people.approvers.keys, second.public_key), 2))
        with pytest.raises(ApprovalError, match="approved by 1 people of whom 2"):
            check_dossier(dossier, people)

    def test_a_second_requester_key_does_not_make_another_person(self, mirror: Mirror) -> None:
        """The approver key of a person and the requester key are two keys of one owner."""
        self.refused(mirror.approved("carol", requester="carol"), mirror, "nobody approves their own request")

    @pytest.mark.parametrize("name", ["ALICE", "\uff41lice"])
    def test_another_spelling_of_a_name_is_no_other_person(self, mirror: Mirror, make_key: MakeKey, name: str) -> None:
        other = make_key("other.pem", name)
        people = replace(mirror.people, approvers=RoleKeys(keys=(other.public_key,), threshold=1))
        with pytest.raises(ApprovalError, match="nobody approves their own request"):
            check_dossier(mirror.asked("alice").signed(other, now=_now(), is_approved=True), people)
        assert check_dossier(mirror.asked("bob").signed(other, now=_now(), is_approved=True), people).approvers == (
            name,
        )

    def test_the_same_approval_twice_counts_once(self, mirror: Mirror) -> None:
        people = replace(mirror.people, approvers=replace(mirror.people.approvers, threshold=2))
        with pytest.raises(ApprovalError, match="approved by 1 people"):
            check_dossier(mirror.approved("bob", "bob"), people)

    @pytest.mark.parametrize("role", ["requester", "release", "root", "targets"])
    def test_a_key_of_another_role_approves_nothing(self, mirror: Mirror, role: str) -> None:
        dossier = mirror.asked().signed(mirror.key(role, "bob"), now=_now(), is_approved=True)
        self.refused(dossier, mirror, "approved by 0 people")

    def test_a_stranger_approves_nothing(self, mirror: Mirror, make_key: MakeKey) -> None:
        dossier = mirror.asked().signed(make_key("mallory.pem", "bob"), now=_now(), is_approved=True)
        self.refused(dossier, mirror, "approved by 0 people")

    def test_a_stranger_asks_for_nothing(self, mirror: Mirror, make_key: MakeKey) -> None:
        subjects = mirror.asked().request.subjects
        dossier = request_files(subjects, make_key("mallory.pem", "alice"), reason="x", now=_now())
        dossier = dossier.with_evidence(mirror.asked().evidence)
        dossier = dossier.signed(mirror.key("approver", "bob"), now=_now(), is_approved=True)
        self.refused(dossier, mirror, "asked for by 0 requesters")

    def test_one_refusal_is_enough(self, mirror: Mirror) -> None:
        dossier = mirror.approved("bob")
        dossier = dossier.signed(mirror.key("approver", "carol"), now=_now(), is_approved=False, reason="too big")
        self.refused(dossier, mirror, "carol refused it: too big")

    def test_a_refusal_stays_one_beside_other_evidence(self, mirror: Mirror) -> None:
        """Whoever adds the evidence anew would else have taken the refusal away, with somebody who agrees."""
        refused = mirror.asked().signed(
            mirror.key("approver", "carol"), now=_now(), is_approved=False, reason="too big"
        )
        self.refused(refused, mirror, "carol refused it: too big")
        (listed,) = mirror.repository.entries()
        fresh = replace(listed, entry=replace(listed.entry, egress=("new.example:443",)))
        evidence = [summarise(fresh, mirror.online, root_sha256=mirror.repository.root_sha256)]
        again = refused.with_evidence(evidence).signed(mirror.key("approver", "bob"), now=_now(), is_approved=True)
        self.refused(again, mirror, "carol refused it: too big")

    def test_a_refusal_that_comes_later_ends_what_was_filed(self, mirror: Mirror) -> None:
        dossier = mirror.approved("bob")
        file_dossier(mirror.catalogue, dossier, mirror.people)
        later = dossier.signed(mirror.key("approver", "carol"), now=_now(), is_approved=False, reason="a flaw")
        with pytest.raises(ApprovalError, match="carol refused it"):
            file_dossier(mirror.catalogue, later, mirror.people)
        found = filed(mirror.catalogue, mirror.people)
        assert (found.approved, len(found.lapsed)) == ((), 1)
        with pytest.raises(ApprovalError, match="carol refused it"):  # and cannot be taken back by an older copy
            file_dossier(mirror.catalogue, dossier, mirror.people)


class TestTampering:
    def test_another_file_under_the_approved_name(self, mirror: Mirror) -> None:
        dossier = mirror.approved("bob")
        evil = request_files(
            [Subject(name="demo-1.0-py3-none-any.whl", sha256="f" * 64)],
            mirror.key("requester", "alice"),
            reason="x",
            now=_now(),
        )
        swapped = replace(evil, evidence=dossier.evidence, approvals=dossier.approvals)
        with pytest.raises(ApprovalError, match="is not about one file that was asked for, once"):
            check_dossier(swapped, mirror.people)

    def test_an_approval_of_another_request(self, mirror: Mirror) -> None:
        approvals = mirror.approved("bob").approvals
        other = replace(mirror.asked(reason="something else"), approvals=approvals)
        with pytest.raises(ApprovalError, match="approved by 0 people"):
            check_dossier(other, mirror.people)

    def test_evidence_that_changed_after_the_approval(self, mirror: Mirror) -> None:
        dossier = mirror.approved("bob")
        listed = replace(mirror.repository.entries()[0].entry, egress=("new.example:443",))
        fresh = replace(mirror.repository.entries()[0], entry=listed)
        root_sha256 = mirror.repository.root_sha256
        changed = replace(dossier, evidence=(summarise(fresh, mirror.online, root_sha256=root_sha256),))
        with pytest.raises(ApprovalError, match="approved by 0 people"):
            check_dossier(changed, mirror.people)
        assert not dossier.with_evidence(changed.evidence).approvals

    def test_evidence_that_the_mirror_did_not_sign(self, mirror: Mirror) -> None:
        (item,) = mirror.repository.entries()
        forged = summarise(item, mirror.key("approver", "bob"), root_sha256=mirror.repository.root_sha256)
        dossier = mirror.asked().with_evidence([forged])
        dossier = dossier.signed(mirror.key("approver", "bob"), now=_now(), is_approved=True)
        with pytest.raises(ApprovalError, match="its evidence is not signed by the mirror"):
            check_dossier(dossier, mirror.people)

    def test_no_evidence(self, mirror: Mirror) -> None:
        dossier = mirror.asked().with_evidence([]).signed(mirror.key("approver", "bob"), now=_now(), is_approved=True)
        with pytest.raises(ApprovalError, match="there is no evidence"):
            check_dossier(dossier, mirror.people)

    def test_evidence_of_another_catalogue(self, mirror: Mirror) -> None:
        """The same online key in two catalogues does not make evidence of one count in the other."""
        (item,) = mirror.repository.entries()
        other = summarise(item, mirror.online, root_sha256="0" * 64)
        dossier = mirror.asked().with_evidence([other])
        dossier = dossier.signed(mirror.key("approver", "bob"), now=_now(), is_approved=True)
        with pytest.raises(ApprovalError, match="was given for another catalogue"):
            check_dossier(dossier, mirror.people)

    @pytest.mark.parametrize("times", [0, 2])
    def test_evidence_twice_or_about_what_was_not_asked_for(self, mirror: Mirror, times: int) -> None:
        """An approver who reads the last of two summaries would approve the first."""
        asked = mirror.asked()
        more = asked.evidence * times
        if not times:
            mirror.publish("other")
            more = mirror.asked().evidence
        dossier = asked.with_evidence(more).signed(mirror.key("approver", "bob"), now=_now(), is_approved=True)
        with pytest.raises(ApprovalError, match="is not about one file that was asked for, once"):
            check_dossier(dossier, mirror.people)

    @pytest.mark.parametrize(
        "inputs",
        [None, "x", [], ["x"], [{}], [{"uri": "members/{}.json"}], [{"uri": "members/{}.json", "digest": "x"}]],
    )
    def test_evidence_that_rests_on_no_document_covers_nothing(self, mirror: Mirror, inputs: Any) -> None:
        (item,) = mirror.repository.entries()
        good = mirror.asked().evidence[0]
        text = json.dumps(inputs).replace("{}.json", f"{item.entry.sha256}.json")
        predicate = {**good.predicate, "inputAttestations": json.loads(text)}
        summary = sign_statement(good.subjects, SUMMARY, predicate, mirror.online)
        assert document_of(good, item.entry.sha256)
        assert document_of(summary, item.entry.sha256) == ""

    @pytest.mark.parametrize("time", [None, 5, "", "soon", "2026-11-25T00:00:00", "2016-12-31T23:59:60Z"])
    def test_a_statement_of_no_time_is_not_read(self, mirror: Mirror, time: object) -> None:
        """It would stand in the log under the time at which it was filed."""
        subjects = mirror.asked().request.subjects
        statement = sign_statement(subjects, REQUEST, {"reason": "x", "time": time}, mirror.key("requester", "alice"))
        with pytest.raises(ApprovalError, match="is no signed statement"):
            read_statement(statement.document(), REQUEST)

    def test_an_edited_statement_is_signed_by_nobody(self, mirror: Mirror) -> None:
        document: Any = mirror.approved("bob").document()
        text = document["approvals"][0]["payload"]
        document["approvals"][0]["payload"] = mirror.asked().request.document()["payload"]
        assert text != document["approvals"][0]["payload"]
        with pytest.raises(ApprovalError, match="not of the kind"):
            parse_dossier(document)

    def test_a_statement_of_one_kind_is_none_of_another(self, mirror: Mirror) -> None:
        """The mirror's own word on a file is no approval of it."""
        statement = sign_statement([Subject(name="x", sha256="0" * 64)], SUMMARY, {}, mirror.online)
        with pytest.raises(ApprovalError, match="not of the kind"):
            read_statement(statement.document(), APPROVAL)

    @pytest.mark.parametrize(
        "content",
        ["", "[]", "{}", '{"format": 2}', '{"format": true}', '{"format": 1, "request": 5, "evidence": []}'],
    )
    def test_what_is_no_dossier_is_told(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "d.json").write_text(content)
        with pytest.raises(NoegressError, match=r"no dossier|no signed statement"):
            read_dossier(tmp_path / "d.json")


class TestRelease:
    def test_only_what_was_approved_is_released(self, mirror: Mirror) -> None:
        file_dossier(mirror.catalogue, mirror.approved("bob"), mirror.people)
        mirror.publish("other")
        found = filed(mirror.catalogue, mirror.people)
        ceremony = propose_release(mirror.repository, approved=found.approved)
        assert list(json.loads(ceremony.documents["release/files.json"])["files"]) == [f"{1:064x}"]
        install(mirror.catalogue, signed(ceremony, mirror, ("release", "alice"), ("release", "carol")), mirror.online)

    def test_a_threshold_of_releasers_alone_releases_nothing(self, mirror: Mirror) -> None:
        ceremony = propose_release(mirror.repository)
        signed(ceremony, mirror, ("release", "alice"), ("release", "bob"))
        with pytest.raises(ApprovalError, match="1 released files were approved by nobody"):
            install(mirror.catalogue, ceremony, mirror.online)

    def test_a_trail_of_other_files_releases_nothing(self, mirror: Mirror) -> None:
        approved = check_dossier(mirror.approved("bob"), mirror.people)
        with pytest.raises(ApprovalError, match="approved by nobody"):
            check_trail(trail_document([approved]), {"f" * 64: "0" * 64}, mirror.people)
        for content in (None, b"", b"{}", b'{"dossiers": [{}]}'):
            with pytest.raises(ApprovalError):
                check_trail(content, {"f" * 64: "0" * 64}, mirror.people)

    def test_a_file_that_was_decided_anew_is_asked_for_anew(self, mirror: Mirror) -> None:
        """Binding to the document: whatever the catalogue tells otherwise, nobody approved."""
        file_dossier(mirror.catalogue, mirror.approved("bob"), mirror.people)
        (listed,) = mirror.repository.entries()
        for entry in (replace(listed.entry, policy_digest="cd" * 32), replace(listed.entry, kill_switches=(SWITCH,))):
            mirror.repository.publish([replace(listed, entry=entry)])
            found = filed(mirror.catalogue, mirror.people)
            (document,) = listed_documents(mirror.catalogue).values()
            assert found.names(entry.sha256)
            assert not found.covers(entry.sha256, document)
            ceremony = propose_release(mirror.repository, approved=found.approved)
            assert json.loads(ceremony.documents["release/files.json"])["files"] == {}
            assert json.loads(ceremony.documents["release/trail.json"])["dossiers"] == []
        mirror.repository.publish([listed])  # decided as before: what people saw is what is released
        found = filed(mirror.catalogue, mirror.people)
        ceremony = propose_release(mirror.repository, approved=found.approved)
        assert list(json.loads(ceremony.documents["release/files.json"])["files"]) == [listed.entry.sha256]
        mirror.repository.publish([replace(listed, entry=replace(listed.entry, policy_digest="cd" * 32))])
        file_dossier(mirror.catalogue, mirror.approved("bob"), mirror.people)  # the way out
        ceremony = propose_release(mirror.repository, approved=filed(mirror.catalogue, mirror.people).approved)
        assert list(json.loads(ceremony.documents["release/files.json"])["files"]) == [listed.entry.sha256]

    def test_evidence_that_names_another_policy_than_its_document(self, mirror: Mirror) -> None:
        (listed,) = mirror.repository.entries()
        good = mirror.asked()
        predicate = {**good.evidence[0].predicate, "policy": {"digest": {"sha256": "ef" * 32}}}
        shown = sign_statement(good.evidence[0].subjects, SUMMARY, predicate, mirror.online)
        dossier = good.with_evidence([shown]).signed(mirror.key("approver", "bob"), now=_now(), is_approved=True)
        approved, released = check_dossier(dossier, mirror.people), listed_documents(mirror.catalogue)
        entries = {listed.entry.sha256: listed.entry}
        assert approved.covers(*next(iter(released.items())))
        with pytest.raises(ApprovalError, match="decided under another policy than its evidence says"):
            check_entries([approved], released, entries)
        check_entries([check_dossier(mirror.approved("bob"), mirror.people)], released, entries)

    def test_a_revoked_approver_takes_the_approvals_along(self, mirror: Mirror) -> None:
        file_dossier(mirror.catalogue, mirror.approved("bob"), mirror.people)
        state = mirror.repository.state
        changes = {"approver": changed_keys(state, "approver", remove=frozenset({"bob"}), add=(), threshold=None)}
        ceremony = propose_keys(state, changes, purpose="bob left")
        pairs = [(role, owner) for role in ("root", "targets") for owner in ("alice", "carol")]
        install(mirror.catalogue, signed(ceremony, mirror, *pairs), mirror.online)
        assert [row.owners for row in holders_of(mirror.catalogue) if row.name == "approver"] == [("alice", "carol")]
        found = filed(mirror.catalogue, mirror.people)
        assert (found.approved, len(found.lapsed)) == ((), 1)
        file_dossier(mirror.catalogue, mirror.approved("carol"), mirror.people)  # the way out: approve anew
        assert filed(mirror.catalogue, mirror.people).approved

    def test_a_catalogue_of_one_person_asks_for_no_approvals_until_others_come(
        self, tmp_path: Path, make_key: MakeKey
    ) -> None:
        keys = generate_keys(tmp_path / "one", owners=("operator",))
        repository = CatalogueRepository.create(tmp_path / "c", keys, bins=2)
        assert approval_people(tmp_path / "c") is None
        for name, owner in (("requester", "alice"), ("approver", "bob")):
            added = (make_key(f"{name}.pem", owner).public_key,)
            with_others = changed_keys(repository.state, name, remove=frozenset(), add=added, threshold=None)
            ceremony = propose_keys(repository.state, {name: with_others}, purpose="others came")
            for signer in keys.signers[:2]:
                ceremony.sign(signer)
            install(tmp_path / "c", ceremony, keys.signers[-1])
        people = approval_people(tmp_path / "c")
        assert people is not None
        assert (people.requesters.owners, people.approvers.owners) == (("alice",), ("bob",))

    def test_the_log_tells_who_asked_approved_and_released(self, mirror: Mirror, tmp_path: Path) -> None:
        log = CustodyLog(tmp_path / "custody.jsonl")
        approved = file_dossier(mirror.catalogue, mirror.approved("bob"), mirror.people)
        for _ in range(2):
            log.append_new(approval_events(approved, mirror.people))
        ceremony = propose_release(mirror.repository, approved=[approved])
        install(mirror.catalogue, signed(ceremony, mirror, ("release", "bob"), ("release", "carol")), mirror.online)
        log.append_new(release_events(mirror.repository, now=_now()))
        told = [(record.event.action.value, record.event.actor) for record in log.records()]
        assert told == [("requested", "alice"), ("approved", "bob"), ("released", "bob"), ("released", "carol")]
        records = list(log.records())
        assert records[0].event.evidence == approved.dossier.id
        assert records[0].event.policy == "ab" * 32
        assert records[0].event.note == "the web front end"


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 11, 20, 13, tzinfo=UTC)


def _unchecked(keys: Any, threshold: int) -> RoleKeys:
    """Keys as metadata of a foreign tool may hold them: two of one owner."""
    holders = object.__new__(RoleKeys)
    object.__setattr__(holders, "keys", keys)
    object.__setattr__(holders, "threshold", threshold)
    return holders
