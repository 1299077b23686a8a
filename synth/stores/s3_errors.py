"""What S3 and the way to it can answer, said once as what is wrong and what to do; never with a secret."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - not the built-in one, which botocore never raises
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
    SSOError,
)

from synth.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEYS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
_UNKNOWN_KEY = ("the access key is not known there", f"{_KEYS}, for this endpoint")
_WRONG_SECRET = ("the secret key does not belong to the access key", "correct AWS_SECRET_ACCESS_KEY")
_EXPIRED_TOKEN = ("the session token has expired", "log in again, such as with `aws sso login`")
_BAD_TOKEN = ("the session token is not valid", "correct or unset AWS_SESSION_TOKEN")
_ACCESS_DENIED = (
    "access is denied",
    "allow s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket there",
)
_REGION = ("the bucket is in another region", "set AWS_DEFAULT_REGION")
_BUSY = ("the server is busy", "try again later")
_CLOCK = ("this machine's clock is wrong", "set it")
_ANSWERS = {
    "InvalidAccessKeyId": _UNKNOWN_KEY,
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "UnrecognizedClientException": _UNKNOWN_KEY,
    "SignatureDoesNotMatch": _WRONG_SECRET,
    "ExpiredToken": _EXPIRED_TOKEN,
    "ExpiredTokenException": _EXPIRED_TOKEN,
    "TokenRefreshRequired": _EXPIRED_TOKEN,
    "RequestExpired": _EXPIRED_TOKEN,
    "InvalidToken": _BAD_TOKEN,
    "AccessDenied": _ACCESS_DENIED,
    "AllAccessDisabled": _ACCESS_DENIED,
    "403": _ACCESS_DENIED,
    "PermanentRedirect": _REGION,
    "TemporaryRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "301": _REGION,
    "307": _REGION,
    "SlowDown": _BUSY,
    "ServiceUnavailable": _BUSY,
    "InternalError": _BUSY,
    "500": _BUSY,
    "503": _BUSY,
    "RequestTimeTooSkewed": _CLOCK,
}
_NO_BUCKET = {"NoSuchBucket", "404"}


@contextmanager
def map_errors(store: str, *, endpoint: str) -> Iterator[None]:
    """Raise what boto raises as `StoreError`."""
    try:
        yield
    except ClientError as error:
        raise _error(store, *_refusal(error, store)) from error
    except (BotoCoreError, Boto3Error) as error:
        raise _error(store, *_trouble(error, endpoint)) from error


def code_of(error: ClientError) -> str:
    """Return the name, or the number, that the server gave its refusal."""
    return error.response.get("Error", {}).get("Code", "")


def is_missing(error: ClientError) -> bool:
    """Return whether the refusal says that there is no such object."""
    return code_of(error) in {"NoSuchKey", "404"}


def _error(store: str, what: str, remedy: str) -> StoreError:
    return StoreError(f"The store {store} is not usable: {what}; {remedy}, then run `synth debug`.")


def _refusal(error: ClientError, store: str) -> tuple[str, str]:
    code = code_of(error)
    if code in _NO_BUCKET:
        bucket = "/".join(store.split("/")[:3])
        return "there is no such bucket", f"make it with `aws s3 mb {bucket}`"
    what, remedy = _ANSWERS.get(
        code, (f"{error.operation_name} was refused ({code})", "see to it on the server")
    )
    region = _right_region(error) if (what, remedy) == _REGION else ""
    return what, f"{remedy}={region}" if region else remedy


def _right_region(error: ClientError) -> str:
    headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
    body = error.response.get("Error", {})
    return str(headers.get("x-amz-bucket-region") or body.get("Region") or "")


def _trouble(error: BotoCoreError | Boto3Error, endpoint: str) -> tuple[str, str]:
    match error:
        case NoCredentialsError() | PartialCredentialsError():
            return "no AWS credentials were found, or only half of them", _KEYS
        case ProfileNotFound():
            return "AWS_PROFILE names a profile that does not exist", "correct or unset it"
        case SSOError() | CredentialRetrievalError():
            return "the credentials could not be fetched", "log in again, such as with `aws sso login`"
        case SSLError():
            where = _without_secrets(endpoint)
            return (
                f"{where} proves its identity to nobody known here",
                "set AWS_CA_BUNDLE to its authority's file",
            )
        case HTTPClientError() | ConnectionError():
            where = _without_secrets(endpoint)
            return f"{where} does not answer", "see that AWS_ENDPOINT_URL_S3 is right and the server is up"
        case _:
            return f"boto3 reports {type(error).__name__}", "see to the AWS configuration of this machine"


def _without_secrets(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
