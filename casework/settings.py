"""What the office is told from outside: one frozen value, read once, refused when it does not hold together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from casework.errors import UnsafeStart

SMS_KINDS = ("console", "twilio", "gateway")
PLACEHOLDERS = ("changeme", "change-me", "placeholder", "secret", "xxx", "todo", "example")


@dataclass(frozen=True)
class Settings:
    """Every setting, with the environment name it is read from in `from_environment`.

    `database_url` None means: the embedded server under `data_dir`. `owner_database_url` is the role that owns the tables
    and runs migrations; the application itself never connects with it.
    """

    data_dir: Path
    key_file: Path
    database_url: str | None = None
    owner_database_url: str | None = None
    public_url: str = "http://127.0.0.1:8000"
    sms: str = "console"
    twilio_account_sid: str = ""
    twilio_auth_token: str = ""
    twilio_from: str = ""
    twilio_api: str | None = None
    sms_gateway: str = "esms"  # a shape of notices/gateways.toml, or the path of a file of the office's own
    sms_api: str | None = None
    sms_key: str = ""
    sms_secret: str = ""
    sms_from: str = ""
    voice_from: str = ""  # the number voice calls come from; none: no calls
    smtp_host: str = ""  # none: no mail
    smtp_port: int = 587
    smtp_from: str = ""
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)
    smtp_ca_file: str | None = None
    push_service: str | None = None  # a push service beside the browsers' own, for a local one
    oidc_issuer: str | None = None  # none: nothing of sign-in through an identity provider exists
    oidc_client_id: str = ""
    oidc_client_secret_file: Path | None = None
    oidc_second_factor: tuple[str, ...] = ()  # values of amr or acr that stand for a second factor
    proxies: int = 0  # reverse proxies in front that name the client's address
    metrics_token: str | None = None
    law_dir: Path | None = None  # None: the data committed with the program

    @property
    def embedded(self) -> bool:
        return self.database_url is None

    @property
    def anchor_file(self) -> Path:
        """Where checkpoints of the audit trail are kept outside the database."""
        return self.data_dir / "anchor" / "checkpoints.jsonl"


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Raises UnsafeStart with one plain line for the first setting that is missing, unreadable or a placeholder."""
    data_dir = Path(environ.get("CASEWORK_DATA_DIR", "./.casework")).expanduser().resolve()
    law_dir = environ.get("CASEWORK_LAW_DIR")
    settings = Settings(
        data_dir=data_dir,
        key_file=Path(environ.get("CASEWORK_KEY_FILE", str(data_dir / "keys" / "office.key"))).expanduser().resolve(),
        database_url=environ.get("CASEWORK_DATABASE_URL") or None,
        owner_database_url=environ.get("CASEWORK_OWNER_DATABASE_URL") or None,
        public_url=environ.get("CASEWORK_PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/"),
        sms=environ.get("CASEWORK_SMS", "console"),
        twilio_account_sid=environ.get("TWILIO_ACCOUNT_SID", ""),
        twilio_auth_token=environ.get("TWILIO_AUTH_TOKEN", ""),
        twilio_from=environ.get("TWILIO_FROM", ""),
        twilio_api=environ.get("CASEWORK_TWILIO_API") or None,
        sms_gateway=environ.get("CASEWORK_SMS_GATEWAY") or "esms",
        sms_api=environ.get("CASEWORK_SMS_API") or None,
        sms_key=environ.get("CASEWORK_SMS_KEY", ""),
        sms_secret=environ.get("CASEWORK_SMS_SECRET", ""),
        sms_from=environ.get("CASEWORK_SMS_FROM", ""),
        voice_from=environ.get("TWILIO_VOICE_FROM", ""),
        smtp_host=environ.get("CASEWORK_SMTP_HOST", ""),
        smtp_port=_port(environ.get("CASEWORK_SMTP_PORT") or "587"),
        smtp_from=environ.get("CASEWORK_SMTP_FROM", ""),
        smtp_user=environ.get("CASEWORK_SMTP_USER", ""),
        smtp_password=environ.get("CASEWORK_SMTP_PASSWORD", ""),
        smtp_ca_file=environ.get("CASEWORK_SMTP_CA_FILE") or None,
        push_service=(environ.get("CASEWORK_PUSH_SERVICE") or "").rstrip("/") or None,
        oidc_issuer=environ.get("CASEWORK_OIDC_ISSUER", "").rstrip("/") or None,
        oidc_client_id=environ.get("CASEWORK_OIDC_CLIENT_ID", ""),
        oidc_client_secret_file=_path(environ.get("CASEWORK_OIDC_CLIENT_SECRET_FILE")),
        oidc_second_factor=tuple(environ.get("CASEWORK_OIDC_SECOND_FACTOR", "").replace(",", " ").split()),
        proxies=_count("CASEWORK_PROXIES", environ.get("CASEWORK_PROXIES", "0")),
        metrics_token=environ.get("CASEWORK_METRICS_TOKEN") or None,
        law_dir=Path(law_dir).expanduser().resolve() if law_dir else None,
    )
    check_settings(settings)
    return settings


def check_settings(settings: Settings) -> None:
    """Raises UnsafeStart. A placeholder left in a secret is refused: it would work, and anybody could guess it."""
    if settings.sms not in SMS_KINDS:
        raise UnsafeStart(f"CASEWORK_SMS must be one of {', '.join(SMS_KINDS)}")
    if not settings.public_url.startswith(("http://", "https://")):
        raise UnsafeStart("CASEWORK_PUBLIC_URL must begin with http:// or https://")
    for name, value in _needed(settings).items():
        if not value or value.lower() in PLACEHOLDERS:
            raise UnsafeStart(f"CASEWORK_SMS={settings.sms} needs {name}")
    for (name, value), why in _needed_beside(settings).items():
        if not value or value.lower() in PLACEHOLDERS:
            raise UnsafeStart(f"{why} needs {name}")
    if settings.oidc_issuer is not None:
        _check_oidc(settings)
    if settings.metrics_token is not None and settings.metrics_token.lower() in PLACEHOLDERS:
        raise UnsafeStart("CASEWORK_METRICS_TOKEN is a placeholder")


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise UnsafeStart("CASEWORK_SMTP_PORT must be a port number")
    return int(text)


def _needed_beside(settings: Settings) -> dict[tuple[str, str], str]:
    """What the other channels cannot do without, where they are asked for: (name, value) → the setting that asks."""
    needed: dict[tuple[str, str], str] = {}
    if settings.smtp_host:
        needed["CASEWORK_SMTP_FROM", settings.smtp_from] = "CASEWORK_SMTP_HOST"
        if settings.smtp_user:
            needed["CASEWORK_SMTP_PASSWORD", settings.smtp_password] = "CASEWORK_SMTP_USER"
    if settings.voice_from:
        needed["TWILIO_ACCOUNT_SID", settings.twilio_account_sid] = "TWILIO_VOICE_FROM"
        needed["TWILIO_AUTH_TOKEN", settings.twilio_auth_token] = "TWILIO_VOICE_FROM"
    return needed


def _needed(settings: Settings) -> dict[str, str]:
    """What the chosen way of sending cannot do without."""
    return {
        "console": {},
        "twilio": {
            "TWILIO_ACCOUNT_SID": settings.twilio_account_sid,
            "TWILIO_AUTH_TOKEN": settings.twilio_auth_token,
            "TWILIO_FROM": settings.twilio_from,
        },
        "gateway": {
            "CASEWORK_SMS_KEY": settings.sms_key,
            "CASEWORK_SMS_SECRET": settings.sms_secret,
            "CASEWORK_SMS_FROM": settings.sms_from,
        },
    }[settings.sms]


def client_secret(settings: Settings) -> str:
    """What the office shows the identity provider. Raises UnsafeStart if the file is missing, empty or open to others."""
    path = settings.oidc_client_secret_file
    if path is None:
        raise UnsafeStart("CASEWORK_OIDC_ISSUER needs CASEWORK_OIDC_CLIENT_SECRET_FILE")
    try:
        mode, secret = path.stat().st_mode, path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise UnsafeStart(f"CASEWORK_OIDC_CLIENT_SECRET_FILE {path} cannot be read") from None
    if mode & 0o077:
        raise UnsafeStart(f"CASEWORK_OIDC_CLIENT_SECRET_FILE {path} is open wider than 0600: chmod 600 it")
    if not secret or secret.lower() in PLACEHOLDERS:
        raise UnsafeStart(f"CASEWORK_OIDC_CLIENT_SECRET_FILE {path} is empty or a placeholder")
    return secret


def _check_oidc(settings: Settings) -> None:
    issuer = settings.oidc_issuer or ""
    here = ("http://127.0.0.1", "http://localhost")
    if not issuer.startswith("https://") and not issuer.startswith(here):
        raise UnsafeStart("CASEWORK_OIDC_ISSUER must begin with https://")
    if not settings.oidc_client_id or settings.oidc_client_id.lower() in PLACEHOLDERS:
        raise UnsafeStart("CASEWORK_OIDC_ISSUER needs CASEWORK_OIDC_CLIENT_ID")
    client_secret(settings)


def _path(name: str | None) -> Path | None:
    return Path(name).expanduser().resolve() if name else None


def _count(name: str, value: str) -> int:
    if not value.isdigit() or int(value) > 9:
        raise UnsafeStart(f"{name} must be a small whole number")
    return int(value)
