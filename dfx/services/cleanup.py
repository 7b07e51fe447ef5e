"""`dfx gc`: finding what nothing needs in a home, and taking it away.

The disk is looked at before the rows. Whoever works on a run makes its row before its folder, and
an attempt gives its files names that no earlier one had. So a file that was seen, and that
afterwards belongs to nobody who is at work, will not be asked for. Files that runs share come
before their rows, or are used again by runs that begin just now: they are put aside first, and put
back where they turn out to be wanted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from dfx.errors import NotFoundError, RunBusy, StoreError
from dfx.records.inventory import Leftover, LeftoverKind, Leftovers, Swept
from dfx.services.artefacts import find_artefact_home
from dfx.services.home import find_home, open_store
from dfx.services.leftovers import RunLeftovers, find_reason_to_skip, judge_unknown_folder
from dfx.services.run_files import (
    find_folder,
    list_entries,
    list_foreign_files,
    list_own_files,
    list_report_files,
    remove_file,
    remove_own_files,
    set_aside,
)
from dfx.services.survey import SeenFile, Survey, look_at, survey_home
from dfx.tracking.engine import DATABASE_NAME
from dfx.tracking.store import RunStore

_JUST_NOW = "changed within the last 10 minutes"
_FOLDERS = (LeftoverKind.REMOVED_RUN, LeftoverKind.UNKNOWN_RUN)
_FORGOTTEN = (LeftoverKind.UNKNOWN_RUN, LeftoverKind.CHECKPOINT, LeftoverKind.PREDICTIONS)
"""What `dfx db check --adopt` may make rows of, which then refer to shared files."""

_SHARED = (LeftoverKind.PATCH, LeftoverKind.IMAGE_LIST)


def find_leftovers(home: Path | None, *, unknown: bool, backups: bool) -> Leftovers:
    """What a home holds that nothing needs; nothing is changed.

    Args:
        home: As given on the command line.
        unknown: Whether folders of runs that no row knows go too.
        backups: Whether backups of the database in the home go too.

    Raises:
        NotFoundError: Where there is no store.
    """
    with open_store(find_home(home), create=False) as store:
        return _Search(store, survey_home(store.home), unknown=unknown, backups=backups).find()


def remove_leftovers(
    leftovers: Leftovers, home: Path | None, *, unknown: bool, backups: bool
) -> Swept:
    """Removes what was found, as far as a second look finds it still.

    Args:
        leftovers: As `find_leftovers` gave them with the same options.
        home: As given on the command line.
        unknown: As for `find_leftovers`.
        backups: As above.
    """
    removed: list[Leftover] = []
    kept: list[tuple[str, str]] = []
    failed: list[tuple[str, str]] = []
    with open_store(find_home(home), create=False) as store:
        now = _Search(store, survey_home(store.home), unknown=unknown, backups=backups).find()
        still = {(item.kind, item.path) for item in now.removable}
        for item in leftovers.removable:
            if (item.kind, item.path) not in still:
                kept.append((item.path, "no longer a leftover"))
                continue
            try:
                remark = _remove(store, item)
            except (RunBusy, NotFoundError) as error:
                remark = error.message
            except StoreError as error:
                failed.append((item.path, error.message))
                continue
            if remark is None:
                removed.append(item)
            else:
                kept.append((item.path, remark))
    return Swept(tuple(removed), tuple(kept), tuple(failed))


@dataclass(frozen=True, slots=True)
class _Search:
    """One look at the rows, after one at the disk."""

    store: RunStore
    survey: Survey
    unknown: bool
    backups: bool
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def find(self) -> Leftovers:
        items = [
            *self._search_runs(),
            *self._search_folders(),
            *(
                self._loose(LeftoverKind.DRAFT, file, "left by a process that was cut off")
                for file in self._only_old(self.survey.drafts)
            ),
            *self._search_copies(),
        ]
        is_puzzling = any(item.kind in _FORGOTTEN and not item.removable for item in items)
        items += self._search_shared(is_puzzling=is_puzzling)
        items.sort(key=lambda item: (not item.removable, item.path))
        return Leftovers(self.survey.home, tuple(items), tuple(self.skipped))

    def _search_runs(self) -> Iterator[Leftover]:
        seen = {folder.directory: folder for folder in self.survey.folders}
        for run in self.store.list_run_files():
            if find_artefact_home(self.store, run) != self.store.home:
                continue
            reason = find_reason_to_skip(run)
            folder = find_folder(self.store.home, run.directory)
            if reason is not None:
                self.skipped.append((run.name, reason))
            elif folder is None:
                self.skipped.append((run.name, "its folder is behind a link"))
            else:
                found = seen.get(run.directory)
                files, reports = (found.files, found.evaluations) if found else ((), ())
                home, unknown = self.store.home, self.unknown
                yield from RunLeftovers(home, run, folder, files, reports, unknown).find()

    def _search_folders(self) -> Iterator[Leftover]:
        known = self.store.list_directories()
        for folder in self.survey.folders:
            if folder.directory.casefold() in known:
                continue
            item = judge_unknown_folder(folder, unknown=self.unknown)
            if item is not None and folder.is_young:
                self.skipped.append((folder.directory, f"no run has it, but it {_JUST_NOW}"))
            elif item is not None:
                yield item

    def _search_shared(self, *, is_puzzling: bool) -> Iterator[Leftover]:
        wanted = self.store.list_digests()
        found = [
            *((LeftoverKind.PATCH, *pair) for pair in self.survey.patches),
            *((LeftoverKind.IMAGE_LIST, *pair) for pair in self.survey.image_lists),
        ]
        loose = {file: kind for kind, digest, file in found if digest not in wanted}
        if not loose:
            return
        reason = None
        if is_puzzling:
            reason = "kept as long as there are files that no row knows, whose runs may need them"
        elif self.store.is_shared and (self.store.home / DATABASE_NAME).is_file():
            reason = f"kept, since the runs of {DATABASE_NAME} in this home may need them"
        if reason is not None:
            self.skipped.append((".patches and .images", reason))
            return
        for file in self._only_old(tuple(loose)):
            yield self._loose(loose[file], file, "no run refers to it")

    def _search_copies(self) -> Iterator[Leftover]:
        kind = LeftoverKind.DATABASE_COPY
        for file in self._only_old(self.survey.unfinished):
            yield self._loose(kind, file, "a copy that was never finished")
        for file in self.survey.backups:
            yield self._loose(
                kind,
                file,
                "a backup of the database" + ("" if self.backups else "; --backups removes it"),
                removable=self.backups,
            )

    def _only_old(self, files: tuple[SeenFile, ...]) -> Iterator[SeenFile]:
        for file in files:
            if file.is_young:
                self.skipped.append((self._relative(file), f"it {_JUST_NOW}"))
            else:
                yield file

    def _loose(
        self, kind: LeftoverKind, file: SeenFile, why: str, *, removable: bool = True
    ) -> Leftover:
        return Leftover(kind, self._relative(file), file.bytes, None, removable, why)

    def _relative(self, file: SeenFile) -> str:
        return file.path.relative_to(self.survey.home).as_posix()


def _remove(store: RunStore, item: Leftover) -> str | None:
    """Removes one; what it returns says why it, or a part of it, stays."""
    path = store.home / item.path
    if item.kind is LeftoverKind.EVALUATION:
        return _remove_evaluation(store, item, path)
    if item.kind in _FOLDERS or path.is_dir():
        return _remove_folder(store, path, item.path)
    if item.kind in _SHARED:
        return _remove_shared(store, path)
    if item.is_recorded and item.run_id is not None:
        store.forget_files(item.run_id, [item.path])
    if item.kind is not LeftoverKind.MISSING:
        remove_file(path)
    return None


def _remove_folder(store: RunStore, folder: Path, directory: str) -> str | None:
    if directory.casefold() in store.list_directories():
        return "a run has it now"
    own = list_own_files(folder)
    foreign = list_foreign_files(folder, own)
    remove_own_files(folder, own)
    return _say_what_stays(folder, foreign)


def _remove_evaluation(store: RunStore, item: Leftover, folder: Path) -> str | None:
    if item.run_id is not None:
        [run] = store.list_run_files(item.run_id)
        if item.path in run.folders:
            return "it was recorded meanwhile"
    for path in list_report_files(folder):
        remove_file(path)
    foreign = list_entries(folder)
    if not foreign:
        with suppress(OSError):  # somebody has put something into it, or removed it
            folder.rmdir()
    return _say_what_stays(folder, foreign)


def _say_what_stays(folder: Path, foreign: Sequence[Path]) -> str | None:
    if not foreign:
        return None
    names = ", ".join(path.relative_to(folder).as_posix() for path in foreign)
    return f"removed but for what dfx did not write: {names}"


def _remove_shared(store: RunStore, path: Path) -> str | None:
    digest = f"sha256:{path.name.partition('.')[0]}"
    aside = set_aside(path)
    if aside is None:
        return None
    # Whoever needs it has touched it before, has its row by now, or writes it anew.
    seen = look_at(aside)
    if (seen and seen.is_young) or digest in store.list_digests():
        aside.replace(path)
        return "a run has begun that refers to it"
    remove_file(aside)
    return None
