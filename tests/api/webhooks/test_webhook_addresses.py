"""Where a webhook may go: which texts are URLs, which hosts are allowed, which addresses are reached."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.webhooks.address import Rules, parse
from gatekeeper.core.errors import UsageError

RULES = Rules(hosts=frozenset({"hooks.example.com", "*.example.org", "other.example.com:8443", "203.0.113.7"}))


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        pytest.param("https://hooks.example.com", "hooks.example.com", "/", id="no-path"),
        pytest.param(
            "https://hooks.example.com/a/b?c=d%20e", "hooks.example.com", "/a/b?c=d%20e", id="path-and-query"
        ),
        pytest.param("https://HOOKS.example.COM/x", "hooks.example.com", "/x", id="upper-case"),
        pytest.param("https://hooks.example.com:443/x", "hooks.example.com", "/x", id="the-usual-port"),
        pytest.param("https://other.example.com:8443/x", "other.example.com:8443", "/x", id="another-port"),
        pytest.param("https://a.b.example.org/x", "a.b.example.org", "/x", id="below-a-name"),
    ],
)
def test_an_allowed_url_is_taken_apart(url, authority, path):
    target = RULES.target(url)

    assert (target.authority, target.path) == (authority, path)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://hooks.example.com/", id="plain"),
        pytest.param("HTTPS://hooks.example.com/", id="shouted-scheme"),
        pytest.param("ftp://hooks.example.com/", id="another-scheme"),
        pytest.param("//hooks.example.com/", id="no-scheme"),
        pytest.param("https:hooks.example.com", id="no-slashes"),
        pytest.param("https:///hooks.example.com", id="no-host"),
        pytest.param("https://", id="nothing"),
        pytest.param("https://hooks.example.com@evil.example/", id="userinfo-before-another-host"),
        pytest.param("https://user:secret@hooks.example.com/", id="userinfo"),
        pytest.param("https://evil.example#@hooks.example.com/", id="fragment-tricks"),
        pytest.param("https://hooks.example.com/#x", id="fragment"),
        pytest.param("https://evil.example\\@hooks.example.com/", id="backslash"),
        pytest.param("https://hooks.example.com\\.evil.example/", id="backslash-in-the-host"),
        pytest.param("https://hooks.example.com /", id="space"),
        pytest.param("https://hooks.example.com/\r\nX-Evil: 1", id="line-break"),
        pytest.param("https://hooks.example.com/\tx", id="tab"),
        pytest.param("https://hooks.example.com/\x00", id="nul"),
        pytest.param("https://hooks.example.com/ä", id="letters-beyond-ascii"),
        pytest.param("https://hооks.example.com/", id="cyrillic-letters"),
        pytest.param("https://hooks。example。com/", id="ideographic-full-stops"),
        pytest.param("https://ⓗooks.example.com/", id="letters-that-fold"),
        pytest.param("https://xn--hoks-6ve7c.example.com/", id="punycode-that-nobody-allowed"),
        pytest.param("https://hooks.example.com.:443/", id="trailing-dot"),
        pytest.param("https://hooks.example.com./", id="trailing-dot-without-port"),
        pytest.param("https://hooks..example.com/", id="empty-label"),
        pytest.param("https://-hooks.example.com/", id="label-that-begins-with-a-dash"),
        pytest.param("https://hooks_.example.com/", id="underscore"),
        pytest.param("https://hooks%2eexample%2ecom/", id="percent-in-the-host"),
        pytest.param("https://hooks.example.com:/", id="empty-port"),
        pytest.param("https://hooks.example.com:0/", id="port-zero"),
        pytest.param("https://hooks.example.com:99999/", id="no-such-port"),
        pytest.param("https://hooks.example.com:44³/", id="a-digit-that-is-none"),
        pytest.param("https://hooks.example.com:8443/", id="a-port-that-nobody-allowed"),
        pytest.param("https://evil.example/", id="a-stranger"),
        pytest.param("https://example.org/", id="the-name-itself-below-which-all-is-allowed"),
        pytest.param("https://evilexample.org/", id="a-name-that-ends-alike"),
        pytest.param("https://hooks.example.com.evil.example/", id="a-name-that-begins-alike"),
        pytest.param("https://2130706433/", id="decimal-number"),
        pytest.param("https://0x7f000001/", id="hexadecimal-number"),
        pytest.param("https://0x7f.0.0.1/", id="hexadecimal-part"),
        pytest.param("https://0177.0.0.1/", id="octal-part"),
        pytest.param("https://127.1/", id="short-form"),
        pytest.param("https://127.0.0.1/", id="loopback"),
        pytest.param("https://203.0.113.07/", id="leading-zero"),
        pytest.param("https://[::1]/", id="loopback-of-ipv6"),
        pytest.param("https://[::ffff:203.0.113.7]/", id="a-mapped-address"),
        pytest.param("https://[fe80::1%25eth0]/", id="an-address-with-a-zone"),
        pytest.param("https://[::1/", id="an-open-bracket"),
        pytest.param("https://hooks.example.com/" + "a" * 1100, id="too-long"),
        pytest.param("https://hooks.example.com/<x>", id="brackets-in-the-path"),
    ],
)
def test_anything_that_two_readers_could_read_differently_is_refused(url):
    with pytest.raises(UsageError):
        RULES.target(url)


def test_an_address_is_allowed_where_the_settings_name_it():
    assert RULES.target("https://203.0.113.7/x").host == "203.0.113.7"


def test_an_address_and_its_port_are_told_from_an_address_that_ends_alike():
    rules = Rules(hosts=frozenset({"[2606:4700::1]:8443"}))

    assert rules.target("https://[2606:4700:0::1]:8443/").authority == "[2606:4700::1]:8443"
    for other in ("https://[2606:4700::1:8443]/", "https://[2606:4700::1]/"):
        with pytest.raises(UsageError):
            rules.target(other)


def test_nothing_is_allowed_where_the_settings_name_nothing():
    with pytest.raises(UsageError, match="do not allow"):
        Rules().target("https://hooks.example.com/")


@given(st.text(max_size=60))
def test_whatever_is_taken_as_a_url_is_plain_and_has_one_reading(text):
    try:
        target = parse(f"https://{text}")
    except UsageError:
        return

    assert target.host.isascii()
    assert target.host == target.host.lower()
    assert not set(target.host + target.path) & set(' \t\r\n\x00\\@#<>"')
    assert parse(f"https://{target.authority}{target.path}") == target


PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"]
INNER = [
    "127.0.0.1", "127.8.9.10", "10.0.0.1", "172.16.5.4", "192.168.1.1", "100.64.0.1", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "192.0.0.8", "240.0.0.1", "::1", "fc00::1", "fd12:3456::1", "2001:db8::1", "100::1",
    "192.88.99.1", "3fff::1", "2001:2::1", "4000::1",
]  # fmt: skip
NEVER = [
    "0.0.0.1", "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "224.0.0.1", "255.255.255.255",
    "::", "fe80::1", "fe80::1%eth0", "ff02::1", "fec0::1", "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:8.8.8.8",
    "::ffff:0:7f00:1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001:0:7f00:1::",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached(address):
    assert Rules().may_reach(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", INNER + NEVER)
def test_no_other_address_is_reached_unless_the_settings_say_so(address):
    assert not Rules().may_reach(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", INNER)
def test_the_settings_open_a_network(address):
    network = ipaddress.ip_network(address)

    assert Rules(networks=(network,)).may_reach(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", NEVER)
def test_no_setting_opens_metadata_services_multicast_or_hidden_addresses(address):
    everything = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))

    assert not Rules(networks=everything).may_reach(ipaddress.ip_address(address))
