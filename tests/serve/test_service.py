"""The real thing: `churnhealth serve` in a process of its own, asked over a socket."""

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tests.serve.process import DEADLINE, command, free_port, started
from tests.serve.served import AS_OF, bent_copy, strict

from churnhealth.archive.plain import plain_rows
from churnhealth.bundle import load_bundle, save_bundle

CANARY = "zebra-7341"


@pytest.fixture(scope="module")
def service(bundle_folder, scores_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    (folder / "httpx.py").write_text("raise SystemExit('a file of the user')")
    bundle = ("--bundle", bundle_folder, "--scores", scores_folder)
    with started(folder, *bundle) as running:
        yield running


def test_a_score_over_the_wire_equals_the_batch_to_the_last_bit(service, book, raw):
    scores = {row["account_id"]: row for row in plain_rows(book.scores)}
    drivers = {}
    for row in plain_rows(book.drivers):
        drivers.setdefault(row["account_id"], []).append(row)
    ids = [i for i, row in scores.items() if row["status"] == "scored"]
    for sent in (ids[:1], ids[1:2], ids[2:12]):
        body = {"as_of": str(AS_OF), "accounts": [raw(i) for i in sent]}
        status, _, text = service.ask("POST", "/v1/score?drivers=1000", body)
        assert status == 200, text
        for i, score in zip(sent, strict(text)["scores"], strict=True):
            assert score["account_id"] == i
            for name in ("churn_probability", "health_score", "band", "coverage"):
                assert score[name] == scores[i][name]
            for name in ("feature", "value", "own_past", "effect_log_odds", "sentence"):
                told = [d[name] for d in score["drivers"]]
                assert told == [d[name] for d in drivers[i]]


def pages_asked_for(service):
    """Count the pages that all processes of the service have been handed so far."""
    below, fresh, stats = {service.process.pid}, {service.process.pid}, {}
    for entry in (p for p in Path("/proc").iterdir() if p.name.isdigit()):
        with suppress(OSError):
            stats[int(entry.name)] = (entry / "stat").read_text().rpartition(")")[2]
    facts = {i: stat.split() for i, stat in stats.items()}
    while fresh:
        fresh = {i for i, fact in facts.items() if int(fact[1]) in fresh} - below
        below |= fresh
    return sum(int(facts[i][7]) for i in below if i in facts)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_memory_that_one_batch_gave_back_serves_the_next(service, bundle):
    features = dict.fromkeys(bundle.names, 1.25)
    rows = [{"account_id": f"a{i}", "features": features} for i in range(500)]
    body = {"as_of": str(AS_OF), "rows": rows}

    def pages_of_a_batch():
        before = pages_asked_for(service)
        status, _, _ = service.ask("POST", "/v1/score/features?drivers=5", body)
        assert status == 200
        return pages_asked_for(service) - before

    # 5,600 where all is given back; the first few batches find their room
    assert sorted(pages_of_a_batch() for _ in range(12))[5] < 1500


def test_readiness_names_the_model_that_the_bundle_holds(service, bundle):
    status, _, text = service.ask("GET", "/readyz")
    assert (status, strict(text)["model_version"]) == (200, bundle.model_version)
    assert service.ask("GET", "/livez")[0] == 200


def test_the_page_is_ours_and_loads_nothing_from_elsewhere(service):
    status, headers, text = service.ask("GET", "/")
    assert (status, "<script" in text) == (200, False)
    assert headers["content-security-policy"].startswith("default-src 'none'")
    for path in ("/static_content/", "/docs.json", "/schema.json", "/healthz"):
        status, _, text = service.ask("GET", path)
        assert (status, strict(text)["error"]["code"]) == (404, "CH510")


def test_metrics_have_a_series_per_route_not_per_account(service, book):
    for i in book.scores["account_id"][:5]:
        assert service.ask("GET", f"/v1/accounts/{i}")[0] == 200
        service.ask("GET", f"/{CANARY}/{i}")
    status, _, text = service.ask("GET", "/metrics")
    assert status == 200
    assert 'route="/v1/accounts/{account_id:path}",status="200"' in text
    assert CANARY not in text
    assert book.scores["account_id"][0] not in text


def test_errors_over_the_wire_have_our_shape_and_the_log_keeps_no_value(service):
    account = {"account_id": CANARY, "events": [{"source": CANARY}]}
    for method, path, body, wanted in (
        ("GET", f"/v1/accounts/{CANARY}", None, (404, "CH503")),
        ("GET", f"/{CANARY}", None, (404, "CH510")),
        ("DELETE", "/v1/model", None, (405, "CH511")),
        ("POST", "/v1/score", {"as_of": str(AS_OF), "accounts": [account]},
         (400, "CH523")),
        ("POST", "/v1/score", [CANARY], (400, "CH521")),
    ):  # fmt: skip
        status, _, text = service.ask(method, path, body)
        assert (status, strict(text)["error"]["code"]) == wanted
        assert CANARY not in text
    status, _, text = service.ask("GET", "/", Host="evil.example")
    assert (status, strict(text)["error"]["code"]) == (421, "CH515")
    log = service.log.read_text()
    assert "POST /v1/score 400" in log
    assert CANARY not in log


def test_files_of_the_folder_it_starts_in_are_not_taken_for_its_parts(service):
    assert (service.log.parent / "httpx.py").exists()
    assert service.ask("GET", "/readyz")[0] == 200


@pytest.fixture
def hears_hang_ups():
    """Let processes begin as in a terminal, though these tests be run by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hears_hang_ups")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_a_stop_is_quick_and_leaves_nobody_behind(bundle_folder, tmp_path, sent):
    with started(tmp_path, "--bundle", bundle_folder) as service:
        assert "No scores yet" in service.ask("GET", "/")[2]
        service.process.send_signal(sent)
        assert service.process.wait(timeout=30) == 0
        with pytest.raises(ProcessLookupError):
            service.kill_group()
        service.until_gone()


def test_a_supervisor_that_is_killed_before_it_could_stop_the_workers_leaves_none(
    bundle_folder, tmp_path
):
    with started(tmp_path, "--bundle", bundle_folder) as service:
        of_starter = f"/proc/{service.process.pid}/task/{service.process.pid}/children"
        supervisor = int(Path(of_starter).read_text().split()[0])
        os.kill(supervisor, signal.SIGSTOP)
        service.process.kill()
        service.process.wait()
        for _ in range(int(10 * DEADLINE)):  # a worker tells one who cannot hear
            if pending(supervisor) >> (signal.SIGTERM - 1) & 1:
                break
            time.sleep(0.1)
        os.kill(supervisor, signal.SIGKILL)
        service.until_gone()


def pending(process):
    """Give the signals that wait for a process, a bit each."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (told,) = (line for line in lines if line.startswith("ShdPnd"))
    return int(told.split()[1], 16)


@pytest.mark.parametrize("who", ["the starter", "starter and supervisor"])
def test_killed_without_warning_all_stop_and_the_bundle_is_whole(
    bundle_folder, scores_folder, tmp_path, who
):
    version = load_bundle(bundle_folder).model_version
    before = {p.name: p.read_bytes() for p in bundle_folder.iterdir()}
    bundle = ("--bundle", bundle_folder, "--scores", scores_folder)
    with started(tmp_path, *bundle) as service:
        if who == "the starter":
            service.process.kill()
        else:
            service.kill_group()
        service.process.wait()
        service.until_gone()
    assert {p.name: p.read_bytes() for p in bundle_folder.iterdir()} == before
    assert load_bundle(bundle_folder).model_version == version


@pytest.mark.parametrize("name", ["bundle.json", "model.txt", "MANIFEST.json"])
def test_a_damaged_bundle_is_refused_before_anything_starts(
    bundle_folder, tmp_path, name
):
    damaged = tmp_path / "damaged"
    shutil.copytree(bundle_folder, damaged)
    content = bytearray((damaged / name).read_bytes())
    content[len(content) // 2] ^= 1
    (damaged / name).write_bytes(bytes(content))
    done = subprocess.run(
        command("--bundle", damaged, "--port", free_port()),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("[CH40")
    assert "Fix:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bundle_that_fails_its_trial_ends_the_service(bundle_folder, tmp_path):
    def cut_short(_, model):
        return model[: len(model) // 2]

    port = free_port()
    done = subprocess.run(
        command(
            "--bundle", bent_copy(bundle_folder, tmp_path / "bent", cut_short),
            "--port", port,
        ),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "[CH410]" in done.stderr
    assert "ready: model" not in done.stderr
    socket.create_server(("127.0.0.1", port)).close()  # nobody listens any more


def test_a_port_that_is_taken_is_said_at_once(bundle_folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            command("--bundle", bundle_folder, "--port", taken.getsockname()[1]),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("[CH007]")


def pointed(link, target):
    """Let a link lead elsewhere, in one step."""
    new = link.with_name("link.new")
    new.symlink_to(target)
    new.rename(link)


def test_a_link_that_leads_to_another_bundle_is_followed(bundle, tmp_path):
    second = replace(bundle, card={**bundle.card, "name": "second"})
    for one, name in ((bundle, "first"), (second, "second")):
        save_bundle(one, tmp_path / name)
    link = tmp_path / "current"
    link.symlink_to("first")
    with started(tmp_path, "--bundle", link) as service:
        pointed(link, "second")
        for _ in range(50_000):
            if second.model_version in service.ask("GET", "/readyz")[2]:
                break
        else:
            pytest.fail("what the link leads to now does not serve")


def test_with_keys_it_listens_beyond_loopback_and_lets_only_them_in(
    bundle_folder, tmp_path, monkeypatch
):
    key, other = "a-key-made-for-this-test", "one-that-was-rotated-out"
    listed = '[[keys]]\nname = "{}"\nrole = "read"\nkey = "{}"\n'
    file, config = tmp_path / "keys.toml", tmp_path / "serve.toml"
    (tmp_path / "old.toml").write_text(listed.format("old", other))
    file.symlink_to("old.toml")  # as a cluster shows its secrets
    config.write_text(f"[serve]\nkeys_file = {str(file)!r}\n")
    monkeypatch.setenv("CHURNHEALTH_KEYS", f"tester:read:{key}")
    asked = ("--bundle", bundle_folder, "--host", "0.0.0.0", "--config", config)
    with started(tmp_path, *asked) as running:
        assert running.ask("GET", "/v1/model")[0] == 401
        shown = {"authorization": f"Bearer {key}"}
        assert running.ask("GET", "/v1/model", **shown)[0] == 200
        assert running.ask("GET", "/metrics", **shown)[0] == 200
        assert running.ask("GET", "/livez")[0] == 200
        shown = {"authorization": f"Bearer {other}"}
        assert running.ask("GET", "/v1/model", **shown)[0] == 200
        (tmp_path / "new.toml").write_text(listed.format("new", "takes-its-place" * 2))
        pointed(file, "new.toml")
        for _ in range(10_000):
            if running.ask("GET", "/v1/model", **shown)[0] == 401:
                break
        else:
            pytest.fail("a key that left the file is still taken")
    assert key not in running.log.read_text()


def test_a_log_in_json_is_json_to_the_last_line(bundle_folder, tmp_path):
    (tmp_path / "churnhealth.toml").write_text('[serve]\nlog = "json"\n')
    asked = ("--bundle", bundle_folder, "--config", "churnhealth.toml")
    with started(tmp_path, *asked) as running:
        running.ask("GET", "/livez")
    lines = running.log.read_text(encoding="utf-8").splitlines()
    assert any("ready" in strict(line).get("message", "") for line in lines)
