"""SAML 2.0 as a service provider: what is asked of an identity provider, and what its signed assertion says.

pysaml2 checks signature and profile with the program xmlsec1; what a document may look like at all is checked before,
so that what is signed is what is read.
"""

import logging
import re
from typing import Any

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, SAMLError
from saml2.client import Saml2Client
from saml2.config import SPConfig
from saml2.metadata import create_metadata_string
from saml2.saml import NAMEID_FORMAT_TRANSIENT

from domain.federation import (
    SKEW,
    SUBJECT_CHARACTERS_MAX,
    TITLE_CHARACTERS_MAX,
    Assertion,
    BadAssertion,
    IdentityProvider,
    Vouched,
)

PROTOCOL, ASSERTION = "{urn:oasis:names:tc:SAML:2.0:protocol}", "{urn:oasis:names:tc:SAML:2.0:assertion}"
SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}"
ALGORITHMS = re.compile(r"http://www\.w3\.org/2001/04/xmldsig-more#(rsa|ecdsa)-sha(256|384|512)\Z")
DIGESTS = re.compile(r"http://www\.w3\.org/2001/04/(xmlenc#sha(256|512)|xmldsig-more#sha384)\Z")
DECLARATION = re.compile(r"\s*<\?xml version=.1\.0.( encoding=.(UTF|utf)-8.)?( standalone=.(yes|no).)?\s*\?>")

logging.getLogger("saml2").setLevel(logging.CRITICAL + 1)  # it logs parts of documents


class ServiceProvider:
    """The platform as one provider's counterpart. Everything blocks: for a thread."""

    def __init__(self, provider: IdentityProvider, answer_at: str, xmlsec1: str) -> None:
        """Raises BadAssertion when the provider's metadata are none."""
        self._provider = provider
        self._answer_at = answer_at
        service = {
            "endpoints": {"assertion_consumer_service": [(answer_at, BINDING_HTTP_POST)]},
            "want_assertions_signed": True,
            "want_response_signed": False,
            "authn_requests_signed": False,
            "allow_unsolicited": False,
            "only_use_keys_in_metadata": True,
        }
        config = {
            "entityid": provider.client_id,
            "service": {"sp": service},
            "metadata": {"inline": [provider.metadata]},
            "xmlsec_binary": xmlsec1,
            "allow_unknown_attributes": True,
            "accepted_time_diff": int(SKEW.total_seconds()),
        }
        try:
            self._config = SPConfig().load(config)
            self._client = Saml2Client(self._config)
            known = list(self._client.metadata.keys())
        except Exception as error:  # pysaml2 raises plain ones, too
            raise BadAssertion("the provider's metadata cannot be read") from error
        if known != [provider.issuer]:
            raise BadAssertion("the provider's metadata are another one's")

    def asked(self, state: str) -> tuple[str, str]:
        """Returns the address to which a browser is sent to log in, and the id of what is asked."""
        try:
            request_id, said = self._client.prepare_for_authenticate(
                entityid=self._provider.issuer,
                relay_state=state,
                binding=BINDING_HTTP_REDIRECT,
                response_binding=BINDING_HTTP_POST,
            )
        except SAMLError as error:
            raise BadAssertion("the provider's metadata name no address to log in at") from error
        return str(dict(said["headers"])["Location"]), str(request_id)

    def metadata(self) -> bytes:
        """Returns what the provider has to know of us."""
        return bytes(create_metadata_string(None, config=self._config, sign=False))

    def read(self, encoded: str, document: str, request_id: str) -> Assertion:
        """Returns the one assertion of an answer to what was asked; raises BadAssertion.

        `encoded` is the answer as it came (base64), `document` what is in it.
        """
        _check_shape(document)
        try:
            answer = self._client.parse_authn_request_response(encoded, BINDING_HTTP_POST, {request_id: "asked"})
        except Exception as error:  # pysaml2 raises plain ones, too
            raise BadAssertion(f"the answer cannot be trusted: {type(error).__name__}") from error
        if answer is None or len(answer.assertions) != 1 or answer.in_response_to != request_id:
            raise BadAssertion("the answer is none to what was asked")
        self._check(answer.response, answer.assertions[0], request_id)
        found = answer.assertions[0]
        subject = (found.subject.name_id.text or "").strip() if found.subject.name_id is not None else ""
        if not 0 < len(subject) <= SUBJECT_CHARACTERS_MAX or found.subject.name_id.format == NAMEID_FORMAT_TRANSIENT:
            raise BadAssertion("the assertion names nobody for ever")
        return Assertion(found.id, self._vouched(subject, answer.ava))

    def _check(self, response: Any, found: Any, request_id: str) -> None:
        """Checks what pysaml2 takes as optional."""
        conditions, confirmations = found.conditions, found.subject.subject_confirmation
        audiences = [
            {audience.text.strip() for audience in each.audience if audience.text}
            for each in (conditions.audience_restriction if conditions is not None else [])
        ]
        signed = found.signature.signed_info
        issuers = {each.issuer.text.strip() for each in (response, found) if each.issuer is not None}
        for holds, doubt in (
            (issuers == {self._provider.issuer}, "the answer's issuer is another one"),
            (response.destination == self._answer_at, "the answer is for another address"),
            (audiences and all(self._provider.client_id in each for each in audiences), "it is for somebody else"),
            (conditions is not None and conditions.not_on_or_after, "the assertion does not say how long it is good"),
            (ALGORITHMS.match(signed.signature_method.algorithm), "the signature is of a weak kind"),
            (DIGESTS.match(signed.reference[0].digest_method.algorithm), "the signature is of a weak kind"),
        ):
            if not holds:
                raise BadAssertion(doubt)
        for each in confirmations:
            data = each.subject_confirmation_data
            if data is None or (data.recipient, data.in_response_to) != (self._answer_at, request_id):
                raise BadAssertion("the assertion was confirmed for another log-in")

    def _vouched(self, subject: str, attributes: dict[str, Any]) -> Vouched:
        found = {name: [each for each in values if isinstance(each, str)] for name, values in attributes.items()}
        name, title = (next(iter(found.get(each, [])), "") for each in (self._provider.name_claim, "name"))
        groups = frozenset(found.get(self._provider.roles_claim, []))
        return Vouched(subject=subject, name=name.lower(), title=title[:TITLE_CHARACTERS_MAX], groups=groups)


def _check_shape(document: str) -> None:
    """Raises BadAssertion unless it is a response with one assertion in it, in which nothing can hide.

    No document type, entity, comment or other instruction; every id once; signatures where they belong.
    """
    inner = DECLARATION.sub("", document, count=1)
    if "<!" in inner or "<?" in inner:
        raise BadAssertion("the answer holds what no answer needs")
    try:
        root = ElementTree.fromstring(document)
    except (ElementTree.ParseError, DefusedXmlException, ValueError, RecursionError) as error:
        raise BadAssertion("the answer is no XML") from error
    ids = [value for each in root.iter() for name, value in each.attrib.items() if name.lower() in ("id", XML_ID)]
    assertions = root.findall(f"{ASSERTION}Assertion")
    tags = [each.tag for each in root.iter()]
    sealed = [each for each in tags if each.rpartition("}")[2] in ("EncryptedAssertion", "EncryptedID", "Advice")]
    held = [each.find(f"{SIGNATURE}Signature") for each in (root, *assertions)]
    if (
        root.tag != f"{PROTOCOL}Response"
        or len(assertions) != 1
        or len([each for each in tags if each.rpartition("}")[2] == "Assertion"]) != 1
        or sealed
        or len(ids) != len(set(ids))
        or held[1] is None
        or len([each for each in tags if each.rpartition("}")[2] == "Signature"])
        != len([each for each in held if each is not None])
    ):
        raise BadAssertion("the answer is not one signed assertion")


XML_ID = "{http://www.w3.org/xml/1998/namespace}id"
