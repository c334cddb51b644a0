"""A local server that speaks Twilio's Messages and Calls API over HTTP, with faults; and a gateway that takes JSON, beside it.

What it does is written from Twilio's public reference, and it shares no code with the program: the signature is computed
here by hand. It keeps what it took, as a provider does, so that a test can count what would have reached a phone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

ACCOUNT = "AC00000000000000000000000000000001"
TOKEN = "auth token of nobody"

# Faults, by name: what happens to one request.
FINE = "fine"
CUT = "cut"  # taken, and the connection is cut before the answer
HANG = "hang"  # taken, and the answer comes later than anybody waits
REFUSED = "refused"  # 400 with `code`


def signature(url: str, fields: Mapping[str, str], token: str = TOKEN) -> str:
    """X-Twilio-Signature: the address, then each field's name and value in order, HMAC-SHA1 under the account's token."""
    said = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), said.encode(), hashlib.sha1).digest()).decode()


@dataclass
class Message:
    sid: str
    to: str
    body: str
    fields: dict[str, str]
    at: datetime
    status: str = "queued"
    error: int | None = None
    price: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "sid": self.sid,
            "account_sid": ACCOUNT,
            "to": self.to,
            "from": self.fields.get("From"),
            "messaging_service_sid": self.fields.get("MessagingServiceSid"),
            "body": self.body,
            "status": self.status,
            "error_code": self.error,
            "error_message": None,
            "num_segments": "1",
            "num_media": "0",
            "price": self.price,
            "price_unit": "USD",
            "direction": "outbound-api",
            "api_version": "2010-04-01",
            "date_created": format_datetime(self.at),
            "date_updated": format_datetime(self.at),
            "date_sent": None,
            "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Messages/{self.sid}.json",
            "subresource_uris": {},
        }


@dataclass
class Call:
    sid: str
    to: str
    twiml: str
    fields: dict[str, str]
    at: datetime
    status: str = "queued"

    def as_json(self) -> dict[str, Any]:
        return {
            "sid": self.sid,
            "account_sid": ACCOUNT,
            "to": self.to,
            "from": self.fields["From"],
            "status": self.status,
            "price": None,
            "price_unit": "USD",
            "duration": None,
            "direction": "outbound-api",
            "api_version": "2010-04-01",
            "date_created": format_datetime(self.at),
            "date_updated": format_datetime(self.at),
            "start_time": None,
            "end_time": None,
            "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{self.sid}.json",
            "subresource_uris": {},
        }


@dataclass
class Provider:
    """What it took (`messages`, `calls`), what is wrong with it (`plan`: one entry a request to send, then `always`)."""

    messages: list[Message] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    call_fault: str | int = FINE  # of every request to call
    plan: list[str | int] = field(default_factory=list)
    always: str | int = FINE
    list_status: int = 200
    code: int = 21211  # of a 400
    tries: int = 0
    lists: int = 0
    hang: float = 5.0
    address: str = ""
    answers: int = 0  # incoming messages so far
    at_send: Callable[[], None] | None = None
    chance: Callable[[], str | int] | None = None
    seen: dict[str, str] = field(default_factory=dict)  # the gateway's references
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopping: threading.Event = field(default_factory=threading.Event)

    def fault(self) -> str | int:
        with self.lock:
            self.tries += 1
            if self.chance is not None:
                return self.chance()
            return self.plan.pop(0) if self.plan else self.always

    def take(self, to: str, body: str, fields: dict[str, str]) -> Message:
        with self.lock:
            sid = f"SM{len(self.messages) + 1:032x}"
            message = Message(sid, to, body, fields, datetime.now(UTC).replace(microsecond=0))
            self.messages.append(message)
            return message

    def take_call(self, fields: dict[str, str]) -> Call:
        with self.lock:
            sid = f"CA{len(self.calls) + 1:032x}"
            call = Call(sid, fields["To"], fields["Twiml"], fields, datetime.now(UTC).replace(microsecond=0))
            self.calls.append(call)
            return call

    def report_call(self, call: Call, status: str, *, office: str | None = None) -> int:
        """Calls the office back about the end of a call, signed. Returns the HTTP status."""
        call.status = status
        url = call.fields["StatusCallback"]
        fields = {"AccountSid": ACCOUNT, "CallSid": call.sid, "CallStatus": status, "To": call.to}
        return post_form(office or url, url, fields, {"X-Twilio-Signature": signature(url, fields)})

    def incoming(self, phone: str, body: str, opt_out_type: str = "") -> dict[str, str]:
        """The fields of Twilio's webhook for a message that somebody has sent, each with an id of its own."""
        with self.lock:
            self.answers += 1
            sid = f"SM{self.answers:032x}".replace("SM0", "SM9", 1)
        fields = {
            "ToCountry": "VN",
            "SmsMessageSid": sid,
            "NumMedia": "0",
            "SmsSid": sid,
            "SmsStatus": "received",
            "Body": body,
            "FromCountry": "VN",
            "To": "+84900000999",
            "NumSegments": "1",
            "MessageSid": sid,
            "AccountSid": ACCOUNT,
            "From": phone,
            "ApiVersion": "2010-04-01",
        }
        return fields | ({"OptOutType": opt_out_type} if opt_out_type else {})

    def pass_on(
        self, url: str, fields: Mapping[str, str], *, office: str, signed: str | None = None
    ) -> tuple[int, str]:
        """Passes an incoming message on to the office, signed for the address that is configured for it. Returns the HTTP
        status and what the office said back."""
        return exchange(office, url, fields, {"X-Twilio-Signature": signed or signature(url, fields)})

    def report(self, message: Message, status: str, *, error: int | None = None, office: str | None = None) -> int:
        """Calls the office back as Twilio does, signed for the address it was given. Returns the HTTP status."""
        message.status, message.error = status, error
        url = message.fields["StatusCallback"]
        fields = self.callback(message)
        return post_form(office or url, url, fields, {"X-Twilio-Signature": signature(url, fields)})

    def callback(self, message: Message) -> dict[str, str]:
        fields = {
            "AccountSid": ACCOUNT,
            "MessageSid": message.sid,
            "SmsSid": message.sid,
            "MessageStatus": message.status,
            "SmsStatus": message.status,
            "To": message.to,
            "From": message.fields.get("From", ""),
            "ApiVersion": "2010-04-01",
        }
        return fields | ({"ErrorCode": str(message.error)} if message.error else {})


def post_form(office: str, url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> int:
    """Posts to the host of `office`, whatever address `url` names. Returns the HTTP status."""
    return exchange(office, url, fields, headers)[0]


def exchange(office: str, url: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> tuple[int, str]:
    """The same, with what was said back."""
    there, path = urlsplit(office), urlsplit(url).path
    line = http.client.HTTPConnection(there.hostname or "", there.port, timeout=10)
    sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    try:
        line.request("POST", path, urlencode(fields), sent)
        answer = line.getresponse()
        return answer.status, answer.read().decode()
    finally:
        line.close()


@contextmanager
def provider() -> Iterator[Provider]:
    """The server, on a free port of this machine, until the block ends."""
    peer = Provider()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            if self.path.endswith("/Messages.json"):
                self._twilio({name: values[0] for name, values in parse_qs(raw).items()})
            elif self.path.endswith("/Calls.json"):
                self._call({name: values[0] for name, values in parse_qs(raw).items()})
            else:
                self._gateway(json.loads(raw))

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path.endswith("/Messages.json"):
                self._list(parse_qs(url.query))
                return
            if url.path.endswith("/Calls.json"):
                with peer.lock:
                    calls = [one.as_json() for one in peer.calls if one.to == parse_qs(url.query)["To"][0]]
                self._answer(200, {"calls": calls, "page": 0, "page_size": 50, "next_page_uri": None})
                return
            sid = url.path.rpartition("/")[2].removesuffix(".json")
            held: list[Message | Call] = [*peer.messages, *peer.calls]
            found = next((one for one in held if one.sid == sid), None)
            self._answer(200 if found else 404, found.as_json() if found else {"code": 20404, "message": "not found"})

        def _twilio(self, fields: dict[str, str]) -> None:
            if peer.at_send is not None:
                peer.at_send()
            fault = peer.fault()
            if fault == REFUSED:
                self._answer(400, {"code": peer.code, "message": "refused", "status": 400})
            elif isinstance(fault, int):
                self._answer(fault, {"code": 20000 + fault, "message": "fault", "status": fault})
            else:
                message = peer.take(fields["To"], fields["Body"], fields)
                self._end(fault, 201, message.as_json())

        def _call(self, fields: dict[str, str]) -> None:
            if peer.at_send is not None:
                peer.at_send()
            if isinstance(peer.call_fault, int):
                self._answer(peer.call_fault, {"code": 20000, "message": "fault", "status": peer.call_fault})
            else:
                self._end(peer.call_fault, 201, peer.take_call(fields).as_json())

        def _gateway(self, fields: dict[str, str]) -> None:
            fault = peer.fault()
            if isinstance(fault, int):
                self._answer(fault, {})
                return
            if fault == REFUSED:
                self._answer(200, {"CodeResult": "104", "ErrorMessage": "refused"})
                return
            with peer.lock:
                known = peer.seen.get(fields["RequestId"])
            if known is not None:
                self._end(fault, 200, {"CodeResult": "124", "SMSID": known})
                return
            message = peer.take(fields["Phone"], fields["Content"], fields)
            peer.seen[fields["RequestId"]] = message.sid
            self._end(fault, 200, {"CodeResult": "100", "SMSID": message.sid})

        def _list(self, query: dict[str, list[str]]) -> None:
            peer.lists += 1
            if peer.list_status != 200:
                self._answer(peer.list_status, {"code": 20500, "message": "fault", "status": peer.list_status})
                return
            with peer.lock:
                found = [one.as_json() for one in reversed(peer.messages) if one.to == query["To"][0]]
            self._answer(200, {"messages": found, "page": 0, "page_size": 50, "next_page_uri": None})

        def _end(self, fault: str | int, status: int, answer: dict[str, Any]) -> None:
            if fault == CUT:
                self.close_connection = True
                self.connection.close()
                return
            if fault == HANG:
                peer.stopping.wait(peer.hang)
            self._answer(status, answer)

        def _answer(self, status: int, answer: dict[str, Any]) -> None:
            body = json.dumps(answer).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # whoever asked has gone: killed, or out of patience

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):
                return  # the line was cut on purpose

        def log_message(self, format: str, *args: Any) -> None:
            """A test prints nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that was killed in mid-word is no fault of the server's."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=lambda: server.serve_forever(0.05), daemon=True)
    thread.start()
    peer.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield peer
    finally:
        peer.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def pause(seconds: float) -> None:
    """Lets the database's time pass: leases are its own."""
    time.sleep(seconds)
