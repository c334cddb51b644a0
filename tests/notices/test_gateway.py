"""A gateway that takes JSON: what it looks like is data, and its reference prevents a second message."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from casework.app import create_app
from casework.errors import UnsafeStart
from casework.notices.gateway import JsonGateway, load_shape
from casework.notices.models import Delivery
from casework.notices.sms import sender_for
from casework.settings import Settings, check_settings
from tests.conftest import Town
from tests.notices.conftest import PUBLIC, Post
from tests.notices.twilio_api import CUT, HANG, REFUSED, Provider

SHAPE = """
api = "https://sms.example.vn"
path = "/gui-tin"
phone = "international"
[headers]
Authorization = "Bearer {key}"
[fields]
Phone = "{to}"
Content = "{body}"
RequestId = "{reference}"
CallbackUrl = "{callback}"
[answer]
code = "CodeResult"
id = "SMSID"
taken = ["100"]
[callback]
id = "SMSID"
delivered = { field = "Status", values = ["OK"] }
failed = { field = "Status", values = ["KO"] }
"""


@pytest.fixture
def gateway(peer: Provider) -> JsonGateway:
    shape = load_shape("esms")
    return JsonGateway(shape, key="khoa", secret="bi mat", sender="TREEM", api=peer.address, timeout=1.0)


@pytest.fixture
def line(post: Post, gateway: JsonGateway) -> Post:
    post.sender = gateway
    return post


def test_a_message_goes_out_in_the_gateway_s_own_words(peer: Provider, line: Post) -> None:
    line.queue()
    assert line.send() == 1
    (message,) = peer.messages
    assert message.to.startswith("0900") and message.fields["Brandname"] == "TREEM"
    assert message.fields["ApiKey"] == "khoa" and message.fields["CallbackUrl"].startswith(PUBLIC)
    assert (line.notices()[0].state, line.notices()[0].provider_id) == (Delivery.ACCEPTED, message.sid)


@pytest.mark.parametrize("fault", [CUT, HANG])
def test_a_second_try_after_a_lost_answer_is_no_second_message(
    town: Town, peer: Provider, line: Post, fault: str
) -> None:
    peer.plan = [fault]
    line.queue()
    assert line.send() == 0
    assert line.notices()[0].state == Delivery.UNKNOWN
    town.clock.advance(seconds=16)
    assert line.send() == 1
    assert len(peer.messages) == 1 and peer.tries == 2


def test_another_reference_would_have_sent_it_twice(town: Town, peer: Provider, line: Post) -> None:
    """The planted defect: a gateway that is given a new reference each time."""
    peer.plan = [CUT]
    line.queue()
    line.send()
    peer.seen.clear()
    town.clock.advance(seconds=16)
    line.send()
    assert len(peer.messages) == 2


def test_what_is_about_the_message_is_given_up_and_what_is_about_the_line_is_not(
    town: Town, peer: Provider, line: Post
) -> None:
    peer.plan = [REFUSED, 429, 503]
    line.queue(3)
    line.send()
    states = sorted((one.state, one.fault) for one in line.notices())
    assert states == [
        (Delivery.FAILED, "esms-104"),
        (Delivery.READY, "esms-http-429"),
        (Delivery.UNKNOWN, "esms-http-503"),
    ]


def test_its_report_needs_the_secret_address_and_the_id_it_gave(
    town: Town, peer: Provider, line: Post, gateway: JsonGateway
) -> None:
    line.queue()
    line.send()
    (message,) = peer.messages
    settings = replace(town.office.settings, public_url=PUBLIC)
    client = create_app(replace(town.office, settings=settings, sms=gateway)).test_client()
    path = urlsplit(message.fields["CallbackUrl"]).path

    def report(address: str, sid: str) -> int:
        return client.get(address, query_string={"SMSID": sid, "SendSuccess": "1"}).status_code

    assert report(path[:-1] + ("0" if path[-1] != "0" else "1"), message.sid) == 404
    assert report(path, "another") == 403
    assert line.notices()[0].state == Delivery.ACCEPTED
    assert [report(path, message.sid), report(path, message.sid)] == [204, 409]
    assert line.notices()[0].state == Delivery.DELIVERED


def test_an_office_may_bring_a_shape_of_its_own(tmp_path: Path, peer: Provider, post: Post) -> None:
    file = tmp_path / "tinh.toml"
    file.write_text(SHAPE, "utf-8")
    post.sender = JsonGateway(load_shape(str(file)), key="k", secret="", sender="", api=peer.address, timeout=1.0)
    post.queue()
    assert post.send() == 1
    assert peer.messages[0].to.startswith("+84") and post.attempts()[0].provider == "tinh"


@pytest.mark.parametrize("name", ["nobody", "missing.toml"])
def test_a_shape_that_is_none_keeps_the_office_from_starting(name: str) -> None:
    with pytest.raises(UnsafeStart, match="CASEWORK_SMS_GATEWAY"):
        load_shape(name)


def test_the_settings_ask_for_what_the_gateway_needs(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, key_file=tmp_path / "k", sms="gateway", sms_key="k", sms_secret="s")
    with pytest.raises(UnsafeStart, match="CASEWORK_SMS_FROM"):
        check_settings(settings)
    assert sender_for(replace(settings, sms_from="TREEM")).name == "esms"
