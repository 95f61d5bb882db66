"""Models from the hub: the hub's own client against a small server that speaks the hub's protocol on this machine."""

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from pipeline import hub
from pipeline.models import ModelError, snapshot

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"{}",
    "README.md": b"---\nlicense: mit\n---\n",
    "model.safetensors": b"weights" * 100,
    "pytorch_model.bin": b"the same again" * 100,
    "onnx/model.onnx": b"and again" * 100,
}


@dataclass
class Server:
    """What the server has been asked, and where it is."""

    address: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    state = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    state.address = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()


def _handler(state: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            state.asked.append(path)
            if "/somebody/gated" in path and "resolve" in path:
                self._send(403, b"", {"X-Error-Code": "GatedRepo"})
            elif path == "/":
                self._send(200, b"")
            elif "nothing" in path:
                self._send(404, b"", {"X-Error-Code": "RepoNotFound"})
            elif path.endswith("/revision/v9"):
                self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
            elif path.startswith("/api/models/") and "/tree/" in path:
                self._send(200, json.dumps([_entry(name) for name in FILES]).encode())
            elif path.startswith("/api/models/"):
                siblings = [{"rfilename": name, "size": len(content)} for name, content in FILES.items()]
                self._send(200, json.dumps({"id": "some/body", "sha": COMMIT, "siblings": siblings}).encode())
            else:
                content = FILES[path.partition(f"/resolve/{COMMIT}/")[2]]
                self._send(200, content, {"ETag": f'"{_sha1(content)}"', "X-Repo-Commit": COMMIT})

        def _send(self, code: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(code)
            for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

    return Handler


def _entry(name: str) -> dict[str, object]:
    return {"type": "file", "path": name, "size": len(FILES[name]), "oid": _sha1(FILES[name])}


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


def test_a_snapshot_holds_what_is_needed_and_nothing_twice(server: Server) -> None:
    folder = snapshot.fetch("somebody/model", endpoint=server.address)
    assert folder.name == COMMIT
    assert sorted(file.name for file in folder.iterdir()) == sorted(
        FILES.keys() - {"pytorch_model.bin", "onnx/model.onnx"}
    )
    assert snapshot.cached("somebody/model") == folder, "complete without the files that were left out"


def test_a_second_fetch_downloads_nothing(server: Server) -> None:
    snapshot.fetch("somebody/model", endpoint=server.address)
    server.asked.clear()
    snapshot.fetch("somebody/model", endpoint=server.address)
    assert not [path for path in server.asked if "resolve" in path]


def test_what_was_fetched_before_serves_when_the_hub_is_away(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = snapshot.fetch("somebody/model", endpoint=server.address)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert snapshot.fetch("somebody/model") == folder
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE is set"):
        snapshot.fetch("somebody/model")


@pytest.mark.parametrize(
    ("repo", "revision", "message"),
    [
        ("somebody/gated", None, "somebody/gated is gated: accept its terms .* 'hf auth login'"),
        ("somebody/nothing", None, "model 'somebody/nothing': no such directory, no such model on the hub"),
        ("somebody/model", "v9", "somebody/model has no revision 'v9': a branch, a tag or a commit is wanted"),
        ("some/body/else", None, "neither a directory nor a hub id"),
    ],
)
def test_what_the_hub_refuses_is_told(server: Server, repo: str, revision: str | None, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        snapshot.fetch(repo, revision, endpoint=server.address)


def test_no_space_is_told_before_anything_is_fetched(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "wanted", lambda _: {"model.safetensors": 10**18})
    with pytest.raises(ModelError, match=r"no space for somebody/model: 1,000,000,000,000 MB are needed in .*hub"):
        snapshot.fetch("somebody/model", endpoint=server.address)


def test_is_the_hub_there(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    assert hub.unreachable() is None
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert "cannot be reached" in str(hub.unreachable())
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert hub.unreachable() == "HF_HUB_OFFLINE is set"


def test_a_sharded_model_is_whole_only_with_all_its_shards(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert not snapshot._is_whole(tmp_path)
    shards = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    (tmp_path / "model-1.safetensors").write_text("")
    assert not snapshot._is_whole(tmp_path)
    (tmp_path / "model-2.safetensors").write_text("")
    assert snapshot._is_whole(tmp_path)
