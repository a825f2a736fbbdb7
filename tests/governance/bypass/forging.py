"""Scripts of a forger who owns the database: each does its harm by SQL, cleans up, and says where it must be found.

The triggers are taken down first and put up again afterwards, word for word, so that nothing but the forgery is left.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from governance.canonical import canonical_bytes
from governance.merkle import Frontier, leaf_hash
from governance.notes import generate_key, sign_checkpoint
from tests.governance.bypass.record import ON_POSTGRES, Record

Run = Callable[..., list[Any]]
GUARDED = "SELECT DISTINCT tbl_name FROM sqlite_master WHERE type = 'trigger'"


@contextmanager
def without_triggers(record: Record) -> Iterator[Run]:
    """SQL as the owner, with every trigger out of the way; they stand as before when this ends."""
    with record.broken_into() as run:
        if ON_POSTGRES:
            tables = [
                row[0] for row in run("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal")
            ]
            for table in tables:
                run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            run("SET CONSTRAINTS ALL IMMEDIATE")
            yield run
            for table in tables:
                names = run("SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", table)
                for (name,) in names:
                    run(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
            return
        kept = run("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        for name, _sql in kept:
            run(f'DROP TRIGGER "{name}"')
        yield run
        for _name, sql in kept:
            run(sql)


# --- What scripts read and write --------------------------------------------------------------------


def place_of(run: Run, type: str, *, last: bool = False) -> int:
    which = "max" if last else "min"
    return int(run(f'SELECT {which}("index") FROM governance_auditlogentry WHERE type = %s', type)[0][0])  # noqa: S608


def read(run: Run, index: int) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(
        bytes(run('SELECT body FROM governance_auditlogentry WHERE "index" = %s', index)[0][0])
    )
    return body


def write(run: Run, index: int, body: dict[str, Any], *, with_leaf: bool = True) -> None:
    text = canonical_bytes(body)
    run('UPDATE governance_auditlogentry SET body = %s WHERE "index" = %s', text, index)
    if with_leaf:
        run('UPDATE governance_auditlogentry SET leaf = %s WHERE "index" = %s', leaf_hash(text), index)


def regrow(run: Run) -> None:
    """Make nodes and head agree with the leaves that stand there now."""
    frontier, nodes = Frontier(), []
    for (leaf,) in run('SELECT leaf FROM governance_auditlogentry ORDER BY "index"'):
        nodes += frontier.append(bytes(leaf))
    run("DELETE FROM governance_lognode")
    for node in nodes:
        run('INSERT INTO governance_lognode (level, "index", hash) VALUES (%s, %s, %s)', *node)
    run("UPDATE governance_loghead SET size = %s, frontier = %s", frontier.size, frontier.to_bytes())


def somebody_else(run: Run) -> int:
    """The organisation's administrator, who signed and promoted nothing."""
    return int(run("SELECT min(id) FROM governance_user WHERE is_organisation_administrator")[0][0])


def size_of(run: Run) -> int:
    return int(run("SELECT size FROM governance_loghead")[0][0])


# --- The log ----------------------------------------------------------------------------------------


def edit_a_text(run: Run) -> int:
    index = place_of(run, "sign_off.given")
    body = read(run, index)
    body["data"]["decision"] = "reject"
    write(run, index, body, with_leaf=False)
    return index


def edit_a_text_and_its_leaf(run: Run) -> int:
    index = place_of(run, "sign_off.given")
    write(run, index, read(run, index) | {"reason": "I have seen nothing."})
    return index


def edit_a_text_and_the_whole_tree(run: Run) -> int:
    index = edit_a_text_and_its_leaf(run)
    regrow(run)
    return index


def rename_the_actor(run: Run) -> int:
    index = place_of(run, "version.promoted")
    body = read(run, index)
    somebody = somebody_else(run)
    body["actor"] |= {"id": somebody, "login": "root", "name": "Ruth Oduya"}
    write(run, index, body)
    run('UPDATE governance_auditlogentry SET actor_id = %s WHERE "index" = %s', somebody, index)
    regrow(run)
    return index


def backdate(run: Run) -> int:
    index = place_of(run, "waiver.granted")
    write(run, index, read(run, index) | {"at": "2020-01-01T00:00:00.000000Z"})
    run('UPDATE governance_auditlogentry SET at = %s WHERE "index" = %s', "2020-01-01 00:00:00+00", index)
    regrow(run)
    return index


def replace_a_row(run: Run) -> int:
    """INSERT OR REPLACE, or what PostgreSQL has for it."""
    index = place_of(run, "evidence.submitted")
    text = canonical_bytes(read(run, index) | {"reason": "replaced"})
    columns = '"index", body, leaf, type, at, actor_id, project_id'
    verb, end = ("INSERT", ' ON CONFLICT ("index") DO UPDATE SET body = excluded.body, leaf = excluded.leaf')
    if not ON_POSTGRES:
        verb, end = "INSERT OR REPLACE", ""
    run(
        f'{verb} INTO governance_auditlogentry ({columns}) SELECT "index", %s, %s, type, at, actor_id, project_id '  # noqa: S608
        f'FROM governance_auditlogentry WHERE "index" = %s{end}',
        text,
        leaf_hash(text),
        index,
    )
    return index


def delete_an_entry(run: Run) -> int:
    index = place_of(run, "sign_off.given", last=True)
    run("DELETE FROM governance_logsubject WHERE entry_id = %s", index)
    run('DELETE FROM governance_auditlogentry WHERE "index" = %s', index)
    return index


def delete_an_entry_and_close_the_gap(run: Run) -> int:
    index, size = delete_an_entry(run), size_of(run)
    run("DELETE FROM governance_logsubject WHERE entry_id > %s", index)
    for place in range(index + 1, size):
        body = read(run, place) | {"index": place - 1}
        run('UPDATE governance_auditlogentry SET "index" = %s WHERE "index" = %s', place - 1, place)
        write(run, place - 1, body)
        for thing in {(thing["kind"], thing["id"]) for thing in (body["subject"], *body["related"])}:
            run("INSERT INTO governance_logsubject (entry_id, kind, object_id) VALUES (%s, %s, %s)", place - 1, *thing)
    regrow(run)
    return index


def cut_off_the_end(run: Run) -> int:
    end = size_of(run) - 5
    run("DELETE FROM governance_logsubject WHERE entry_id >= %s", end)
    run('DELETE FROM governance_auditlogentry WHERE "index" >= %s', end)
    run("DELETE FROM governance_checkpoint WHERE size > %s", end)
    regrow(run)
    return end


def swap_two_entries(run: Run) -> int:
    first, second = place_of(run, "sign_off.given"), place_of(run, "sign_off.given", last=True)
    texts = read(run, first), read(run, second)
    write(run, first, texts[1] | {"index": first})
    write(run, second, texts[0] | {"index": second})
    regrow(run)
    return first


def add_an_entry_beyond_the_end(run: Run) -> int:
    size = size_of(run)
    text = canonical_bytes(read(run, size - 1) | {"index": size})
    columns = 'body, leaf, type, at, actor_id, project_id, "index"'
    run(
        f"INSERT INTO governance_auditlogentry ({columns}) SELECT %s, %s, type, at, actor_id, project_id, %s "  # noqa: S608
        'FROM governance_auditlogentry WHERE "index" = %s',
        *(text, leaf_hash(text), size, size - 1),
    )
    return size


def change_what_is_searched_by(run: Run) -> int:
    index = place_of(run, "version.promoted")
    run('UPDATE governance_auditlogentry SET type = %s WHERE "index" = %s', "version.registered", index)
    return index


def hide_an_entry_from_its_version(run: Run) -> int:
    index = place_of(run, "sign_off.given")
    run("DELETE FROM governance_logsubject WHERE entry_id = %s AND kind = 'version'", index)
    return index


def change_a_node(run: Run) -> int:
    run('UPDATE governance_lognode SET hash = %s WHERE level = 3 AND "index" = 2', bytes(32))
    return 16


def turn_back_the_head(run: Run) -> int:
    size = size_of(run)
    run("UPDATE governance_loghead SET size = %s", size - 1)
    return size - 1


def sign_with_a_key_of_my_own(run: Run) -> int:
    edit_a_text_and_the_whole_tree(run)
    frontier = Frontier.from_bytes(*run("SELECT size, frontier FROM governance_loghead")[0])
    size = int(run("SELECT min(size) FROM governance_checkpoint")[0][0])
    key = generate_key("127.0.0.1/countersign")
    note = sign_checkpoint(key.name, size, frontier.root(), key)
    run("UPDATE governance_checkpoint SET note = %s, root = %s WHERE size = %s", note, frontier.root(), size)
    return min(size - 1, place_of(run, "sign_off.given"))


def forge_a_checkpoint_of_a_longer_log(run: Run) -> int:
    size = size_of(run)
    columns = "size, root, note, signed_at"
    run(
        f"INSERT INTO governance_checkpoint ({columns}) SELECT %s, root, note, signed_at "  # noqa: S608
        "FROM governance_checkpoint ORDER BY size LIMIT 1",
        size + 9,
    )
    return size


# --- What the log vouches for -----------------------------------------------------------------------


def set_at(run: Run, type: str, statement: str, *values: Any, last: bool = False) -> int:
    """Run a statement that ends in the key of the entry's subject, and return the entry's place."""
    index = place_of(run, type, last=last)
    run(statement, *values, read(run, index)["subject"]["id"])
    return index


def turn_an_approval_into_a_rejection(run: Run) -> int:
    return set_at(run, "sign_off.given", "UPDATE governance_signoff SET decision = 'reject' WHERE id = %s")


def sign_for_somebody_else(run: Run) -> int:
    statement = "UPDATE governance_signoff SET signer_id = %s WHERE id = %s"
    return set_at(run, "sign_off.given", statement, somebody_else(run))


def drop_a_sign_off(run: Run) -> int:
    run("DELETE FROM governance_condition")
    return set_at(run, "sign_off.given", "DELETE FROM governance_signoff WHERE id = %s")


def copy_a_sign_off(run: Run) -> int:
    columns = (
        "version_id, dossier_id, signer_name, meaning, reason, authentication, signed_at, log_index, signer_id, role"
    )
    run(
        f"INSERT INTO governance_signoff ({columns}, decision) SELECT {columns}, 'abstain' FROM governance_signoff "  # noqa: S608
        "ORDER BY id LIMIT 1"
    )
    return place_of(run, "sign_off.given")


def revive_a_release(run: Run) -> int:
    run("UPDATE governance_release SET ended_at = NULL, environment = 'elsewhere' WHERE ended_at IS NOT NULL")
    return place_of(run, "version.promoted")


def permit_another_artifact(run: Run) -> int:
    statement = "UPDATE governance_release SET statement = replace(statement, %s, %s) WHERE id = %s"
    return set_at(run, "version.promoted", statement, "a" * 64, "b" * 64)


def move_the_state(run: Run) -> int:
    statement = "UPDATE governance_modelversion SET state = 'APPROVED' WHERE id = %s"
    return set_at(run, "version.submitted", statement, last=True)


def prolong_a_waiver(run: Run) -> int:
    statement = "UPDATE governance_waiver SET expires_at = '2099-01-01 00:00:00+00' WHERE id = %s"
    return set_at(run, "waiver.granted", statement)


def rewrite_a_dossier(run: Run) -> int:
    index = place_of(run, "sign_off.given")
    digest = read(run, index)["data"]["dossier"]
    run("UPDATE governance_dossiersnapshot SET document = replace(document, 'low', 'LOW') WHERE digest = %s", digest)
    return index


@dataclass(frozen=True)
class Forgery:
    """A script, and whether the signer must refuse to go on (it reads the log, not the tables beside it)."""

    script: Callable[[Run], int]
    stops_signer: bool

    @property
    def name(self) -> str:
        return self.script.__name__


FORGERIES = [
    *(
        Forgery(script, stops_signer=True)
        for script in (
            edit_a_text,
            edit_a_text_and_its_leaf,
            edit_a_text_and_the_whole_tree,
            rename_the_actor,
            backdate,
            replace_a_row,
            delete_an_entry,
            delete_an_entry_and_close_the_gap,
            cut_off_the_end,
            swap_two_entries,
            turn_back_the_head,
            sign_with_a_key_of_my_own,
            forge_a_checkpoint_of_a_longer_log,
        )
    ),
    *(
        Forgery(script, stops_signer=False)
        for script in (
            add_an_entry_beyond_the_end,
            change_what_is_searched_by,
            hide_an_entry_from_its_version,
            change_a_node,
            turn_an_approval_into_a_rejection,
            sign_for_somebody_else,
            drop_a_sign_off,
            copy_a_sign_off,
            revive_a_release,
            permit_another_artifact,
            move_the_state,
            prolong_a_waiver,
            rewrite_a_dossier,
        )
    ),
]
