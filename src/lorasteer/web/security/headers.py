"""Headers on every response: what a browser may do with what this server sends."""

from __future__ import annotations

from lorasteer.web.security.asgi import Headers

FIXED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""The same for every response."""
INERT = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""Policy of the pages that are shown to strangers."""


def page_policy(host: str) -> str:
    """Content security policy of the workbench: nothing from elsewhere, no inline handlers, no frame around it.

    NiceGUI writes its page as inline scripts and evaluates event handlers and Vue templates, so `unsafe-inline` and
    `unsafe-eval` are needed for script elements. Attributes such as `onerror` are not needed and forbidden: they are how text
    that reaches the page as HTML would run.

    Args:
        host: The Host header of the request, already checked; older Safari does not take 'self' for websockets.
    """
    return "; ".join((
        "default-src 'none'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "script-src-attr 'none'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        f"connect-src 'self' ws://{host} wss://{host}",
        "manifest-src 'self'",
        "base-uri 'self'",
        "form-action 'self'",
        "object-src 'none'",
        "frame-ancestors 'none'",
    ))  # fmt: skip


def secured(headers: Headers, policy: str) -> Headers:
    """Headers of a response with ours added, and without any that would let other origins read it.

    A policy that the app itself set stays beside ours; a browser keeps to both.
    """
    ours = {name.lower().encode() for name in FIXED}
    kept = [(name, value) for name, value in headers if name.lower() not in ours and not _shares(name)]
    added = [*FIXED.items(), ("Content-Security-Policy", policy)]
    return kept + [(name.lower().encode(), value.encode("latin-1")) for name, value in added]


def _shares(name: bytes) -> bool:
    return name.lower().startswith(b"access-control-")
