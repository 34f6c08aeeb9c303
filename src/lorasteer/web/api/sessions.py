"""`/sessions`: begin, look, decide, interrupt, seek, put aside."""

from __future__ import annotations

from fastapi import APIRouter, Response

from lorasteer.errors import StoreError
from lorasteer.session.steps import MAKING
from lorasteer.web import views
from lorasteer.web.api.asked import Actor, AtReception, InRoom, Key, RunId, missing
from lorasteer.web.api.bodies import Act, Begin, Seek, check_request, check_step
from lorasteer.web.api.problems import refusals
from lorasteer.web.security import check_id

router = APIRouter(prefix="/sessions", tags=["sessions"])


@router.post("", status_code=201, summary="Begin a session", responses=refusals(409, 429, 503))
async def begin(wanted: Begin, reception: AtReception, actor: Actor, answer: Response, key: Key = "") -> views.SessionView:
    """A new session on a base of the library; one that is not ready is trained first."""

    async def work() -> views.SessionView:
        reception.starts.take()
        return (await reception.house.begin(wanted.base, name=wanted.name, actor=actor)).view

    view = await reception.once(key, f"begin {wanted.to_json()}", work)
    answer.headers["Location"] = f"/api/sessions/{view.id}"
    return view


@router.get("/{run}", summary="A session as it stands", responses=refusals(404, 409, 503))
async def session(room: InRoom) -> views.SessionView:
    """The whole of it: state, what is possible now, the tree, the measurements of the head."""
    return room.view


@router.get("/{run}/progress", summary="The training in progress", responses=refusals(404, 409, 503))
async def progress(room: InRoom) -> views.Progress | None:
    """The newest of it; null while nothing is trained. To be told instead of asking, listen to the events."""
    return room.progress


@router.post("/{run}/steps", summary="Decide", responses=refusals(404, 409, 429, 503))
async def act(wanted: Act, room: InRoom, reception: AtReception, actor: Actor, key: Key = "") -> views.SessionView:
    """Start, continue, adjust, also, drop, undo, go, commit, combine or stop.

    Training goes on after the answer, which then says `unlearning`; the events tell when it is done. 409 when it is not the time
    for it, or when somebody decided something since `version`: then `who`, `what`, `when` and the new `version` are told.
    """
    check_step(wanted.step)
    if wanted.step.action in MAKING:
        reception.starts.take()
    return await room.act(wanted.step, version=wanted.version, actor=actor, key=key)


@router.post("/{run}/interrupt", summary="Stop the training", responses=refusals(404, 409, 503))
async def interrupt(room: InRoom, actor: Actor) -> views.SessionView:
    """Stop the training at its next step, or a search, and keep what it has made. It needs no version."""
    return await room.interrupt(actor=actor)


@router.post("/{run}/seek", summary="Seek a goal", responses=refusals(404, 409, 429, 503))
async def seek(wanted: Seek, room: InRoom, reception: AtReception, actor: Actor, key: Key = "") -> views.SessionView:
    """Search for a plan that reaches a goal; each try is an iteration. `interrupt` ends the search."""
    check_request(wanted.request)

    async def work() -> views.SessionView:
        reception.starts.take()
        return await room.seek(
            wanted.request, wanted.goal, seconds=wanted.seconds, tries=wanted.tries, version=wanted.version, actor=actor
        )

    return await reception.once(key, f"seek {room.id} {wanted.to_json()}", work)


@router.post("/{run}/restart", summary="Begin the work again", responses=refusals(404, 409, 429, 503))
async def restart(room: InRoom, reception: AtReception) -> views.SessionView:
    """After the process that works has died: the session goes on from its last complete iteration."""
    reception.starts.take()
    return await room.restart()


@router.delete("/{run}", status_code=204, summary="Put a session aside", responses=refusals(404, 409, 503))
async def remove(run: RunId, reception: AtReception, actor: Actor) -> None:
    """It leaves the library; `restore` brings it back until the workbench is closed."""
    try:
        await reception.house.remove(check_id(run, "session"), actor=actor)
    except StoreError as error:
        raise await missing(reception, run, error) from error


@router.post("/{run}/restore", status_code=204, summary="Bring a session back", responses=refusals(404, 409, 503))
async def restore(run: RunId, reception: AtReception) -> None:
    """Bring back a session that was put aside."""
    try:
        await reception.house.restore(check_id(run, "session"))
    except StoreError as error:
        raise await missing(reception, run, error) from error
