"""`lorasteer certificate`: sign what was shown of a run, and check such a file without a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lorasteer.cli import options, show
from lorasteer.cli.helptext import help_of
from lorasteer.cli.opening import open_store, run_and_number
from lorasteer.cli.refusals import USER_ERROR, Commands
from lorasteer.errors import PlanError, StoreError

if TYPE_CHECKING:
    from lorasteer.export.verification import Checked, Evidence
    from lorasteer.records.certificate import Certificate

certificate = typer.Typer(cls=Commands, rich_markup_mode=None, no_args_is_help=True)
Base = Annotated[
    Path | None, typer.Option("--base", metavar="FOLDER", help="Base model; where the run recorded it when left out.")
]
Held = Annotated[
    Path | None, typer.Option("--base", metavar="FOLDER", help="Base model; with it, base, data and index sets are compared too.")
]


def new_key(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the private key goes; FILE.pub is public.")],
) -> None:
    """Make a pair of keys to sign with. Keep the first, give away the second.

    Example:
        lorasteer certificate key --out ~/lorasteer.key
    """
    from lorasteer.export.keys import key_id, read_public_key
    from lorasteer.export.keys import new_key as make

    public = make(out)
    show.say(f"Private key in {out}: only you can read it. Public key in {public}, name {key_id(read_public_key(public))[:12]}.")


def make(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of a kept run; ID:2 for its iteration 2.")],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Private key, from `lorasteer certificate key`.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where the certificate goes.")],
    base: Base = None,
    data: options.Data = None,
    store: options.Store = None,
    cache: options.Cache = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Sign what was asked, done and measured in a run. Its audit goes in where there is one; see `lorasteer audit`.

    Example:
        lorasteer certificate make 3f2a1c --key ~/lorasteer.key --out certificate.json
    """
    from lorasteer.export.keys import read_private_key
    from lorasteer.session.certifying import certify
    from lorasteer.session.opening import open_audited
    from lorasteer.tasks.tensors import write_text

    if out.exists() and not overwrite:
        raise StoreError(f"{out} exists already; choose another file, or give --overwrite to replace it.")
    private, kept, (name, number) = read_private_key(key), open_store(store), run_and_number(run)
    folder = base or _base_of(kept.load(name).base_folder)
    write_text(out, certify(kept, name, number, open_audited(folder, data, cache, purpose="certifying"), private))
    show.say(f"Certificate in {out}. Check it with lorasteer certificate verify {out} --public-key {key}.pub")


def _base_of(folder: str) -> Path:
    if not folder:
        raise PlanError("the run does not say where its base lies; name it with --base FOLDER.")
    return Path(folder)


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Certificate.")],
    public_key: Annotated[
        Path | None,
        typer.Option("--public-key", metavar="FILE", help="Public key of the one who is believed to have signed; else unknown."),
    ] = None,
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="Run to hold it against: id, or folder from `lorasteer unlearn`.")
    ] = None,
    adapter: Annotated[
        Path | None, typer.Option("--adapter", metavar="FOLDER", help="Exported adapter to hold it against.")
    ] = None,
    base: Held = None,
    data: options.Data = None,
    store: options.Store = None,
    cache: options.Cache = None,
    json: options.Json = False,
) -> None:
    """Check a certificate, without a network. The first thing that does not fit is named first; ends with 2 where there is one.

    Example:
        lorasteer certificate verify certificate.json --public-key lorasteer.key.pub
        lorasteer certificate verify certificate.json --run 3f2a1c --base digits-base
    """
    from lorasteer.export.keys import read_public_key
    from lorasteer.export.verification import check_certificate

    content, key = _content(file), read_public_key(public_key) if public_key else None
    checked = check_certificate(content, public_key=key)
    if checked.certificate is not None:
        evidence = _evidence(checked.certificate, run, adapter, base, data, store, cache)
        checked = check_certificate(content, public_key=key, evidence=evidence)
    _tell(checked, json)
    if checked.misfits:
        raise typer.Exit(USER_ERROR)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise StoreError(f"{file} cannot be read: {error.strerror}. Give a file from `lorasteer certificate make`.") from error


def _evidence(
    stated: Certificate, run: str | None, adapter: Path | None, base: Path | None, data: str | None, store: Path | None,
    cache: Path | None,
) -> Evidence:  # fmt: skip
    from lorasteer.export import ADAPTER_FILES
    from lorasteer.export.verification import Evidence
    from lorasteer.session import certifying
    from lorasteer.session.opening import open_audited
    from lorasteer.store import is_run

    number, evidence = stated.iteration.number, Evidence()
    if run is not None:
        folder = Path(run)
        evidence = (
            certifying.evidence_of_folder(folder)
            if is_run(folder)
            else certifying.evidence_of_run(open_store(store), run_and_number(run)[0], number)
        )
    if adapter is not None:
        evidence = certifying.with_adapter(evidence, adapter, ADAPTER_FILES)
    if base is not None:
        bench = open_audited(base, data, cache, purpose="certifying")
        kept = open_store(store).iterations(run_and_number(run)[0]) if stated.iteration.beneath and run else (stated.iteration,)
        evidence = certifying.with_material(evidence, bench, certifying.splits_of(bench, kept, number))
    return evidence


def _tell(checked: Checked, json: bool) -> None:
    stated = checked.certificate
    verdict = stated.audit.verdict if stated and stated.audit else None
    if json:
        show.document(
            {
                "fits": not checked.misfits, "misfits": [{"where": m.where, "what": m.what} for m in checked.misfits],
                "signer": checked.signer, "signer_known": checked.pinned, "compared": list(checked.seen),
                "verdict": verdict and verdict.label,
            }
        )  # fmt: skip
        return
    for misfit in checked.misfits:
        show.say(f"- {misfit}")
    if stated is None or checked.misfits:
        show.say(f"Does not fit: {checked.misfits[0].where} first, {len(checked.misfits)} in all.")
        return
    show.say(f"Whole: signature, digests and a log of {len(stated.log)} events fit one another.")
    show.say(f"Compared with what is here: {', '.join(checked.seen) or 'nothing; name --run, --adapter or --base to do so'}.")
    show.say(
        f"Signed with the known key {checked.signer[:12]}."
        if checked.pinned
        else f"The signer is unknown: whoever made the file chose its key, {checked.signer[:12]}. Give --public-key to know who."
    )
    show.say(
        f"Run {stated.run.id}, iteration {stated.iteration.number}: {stated.iteration.wording}, {stated.iteration.plan.method}."
    )
    show.say(f"Verdict: {verdict.label}. {verdict.rule}" if verdict else "It holds no audit, and so no verdict.")


_COMMANDS: dict[str, Callable[..., None]] = {"key": new_key, "make": make, "verify": verify}
for word, command in _COMMANDS.items():
    certificate.command(word, help=help_of(command))(command)


@certificate.callback()
def _group() -> None:
    """Sign what was shown of a run, and check such a file."""
