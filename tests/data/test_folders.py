"""How a data folder may look, and what is said of one that looks otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from torchvision.datasets import ImageFolder

from dfx.data.folders import LAYOUT, FaceFolder, find_split
from dfx.errors import DataError
from dfx.records import DEEPFAKE, REAL

DrawSplit = Callable[..., Path]


def labels(folder: Path) -> dict[str, int]:
    """Label by path below the folder."""
    return {
        Path(path).relative_to(folder).as_posix(): label
        for path, label in FaceFolder(folder).samples
    }


class TestLabels:
    @pytest.mark.parametrize("deepfake", ["deepfake", "fake", "Deepfake", "FAKE", "DeepFake"])
    @pytest.mark.parametrize("real", ["real", "Real", "REAL"])
    def test_do_not_depend_on_names_or_their_order(
        self, real: str, deepfake: str, tmp_path: Path, draw_split: DrawSplit
    ) -> None:
        """Both orders of the alphabet are among these: `REAL` < `deepfake` and `FAKE` < `real`."""
        draw_split(tmp_path, **{real: 2, deepfake: 1})

        assert labels(tmp_path / "train") == {
            f"{real}/0.png": REAL,
            f"{real}/1.png": REAL,
            f"{deepfake}/0.png": DEEPFAKE,
        }

    def test_are_of_torchvision(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        """It is an `ImageFolder`, whose items are images and labels."""
        draw_split(tmp_path, real=1, deepfake=1)
        folder = FaceFolder(tmp_path / "train")
        image, label = folder[1]

        assert isinstance(folder, ImageFolder)
        assert folder.class_to_idx == {"real": 0, "deepfake": 1}
        assert folder.classes == ["real", "deepfake"]
        assert (image.mode, image.size, label) == ("RGB", (24, 20), DEEPFAKE)


class TestFiles:
    def test_hidden_ones_are_passed_over(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        """MacOS leaves `._x.jpg` beside `x.jpg`; notebooks leave folders."""
        draw_split(tmp_path, real=1, deepfake=1)
        (tmp_path / "train/real/._0.png").write_bytes(b"\0\5\x16\7")
        (tmp_path / "train/real/.cache").mkdir()
        (tmp_path / "train/real/.cache/1.png").touch()
        (tmp_path / "train/.ipynb_checkpoints").mkdir()

        assert list(labels(tmp_path / "train")) == ["real/0.png", "deepfake/0.png"]

    @pytest.mark.parametrize("name", ["a.jpg", "a.JPG", "a.jpeg", "a.JPEG", "a.PnG"])
    def test_suffixes_in_any_case(self, name: str, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=0, deepfake=1)
        (tmp_path / "train/real" / name).touch()

        assert f"real/{name}" in labels(tmp_path / "train")

    @pytest.mark.parametrize("name", ["a.txt", "a.gif", "Thumbs.db", "a.jpg.part", "jpg"])
    def test_others_do_not_count(self, name: str, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=1, deepfake=1)
        (tmp_path / "train/real" / name).touch()

        assert f"real/{name}" not in labels(tmp_path / "train")

    def test_of_subfolders_count(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=1, deepfake=1)
        draw_split(tmp_path, "train/real", **{"person a": 1})

        assert list(labels(tmp_path / "train"))[:2] == ["real/0.png", "real/person a/0.png"]

    def test_a_linked_class_folder_is_followed(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=1)
        draw_split(tmp_path / "elsewhere", faces=2)
        (tmp_path / "train/deepfake").symlink_to(tmp_path / "elsewhere/train/faces")

        assert list(labels(tmp_path / "train"))[1:] == ["deepfake/0.png", "deepfake/1.png"]


class TestWhatIsWrongWithAClass:
    def check(self, root: Path, message: str, hint: str) -> None:
        with pytest.raises(DataError) as caught:
            FaceFolder(root / "train")

        assert message in str(caught.value)
        assert hint in (caught.value.hint or "")
        assert str(root / "train") in str(caught.value)

    @pytest.mark.parametrize("missing", ["real", "deepfake"])
    def test_missing(self, missing: str, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, **{{"real": "deepfake", "deepfake": "real"}[missing]: 1})

        self.check(tmp_path, f"has no folder {missing!r}", LAYOUT)

    def test_empty(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=0, deepfake=1)

        self.check(tmp_path, "real holds no image; expected files ending in .jpg", LAYOUT)

    def test_empty_but_for_hidden_files(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=0, deepfake=1)
        (tmp_path / "train/real/._x.jpg").touch()

        self.check(tmp_path, "real holds no image", LAYOUT)

    def test_twice(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=1, deepfake=1, fake=1)

        self.check(
            tmp_path, "holds both 'deepfake' and 'fake', the same class twice", "one of them"
        )

    def test_twice_in_another_case(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=1, Real=1, deepfake=1)

        self.check(tmp_path, "holds both 'Real' and 'real'", "one of them")

    @pytest.mark.parametrize(
        ("name", "hint"),
        [("deepfakes", "'deepfake'"), ("reals", "'real'"), ("cats", "move it elsewhere")],
    )
    def test_unknown(self, name: str, hint: str, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=1, deepfake=1, **{name: 1})

        self.check(tmp_path, f"{name!r} is no class; expected the folders 'real' and", hint)

    def test_images_beside_the_class_folders_are_nobodys(
        self, tmp_path: Path, draw_split: DrawSplit
    ) -> None:
        draw_split(tmp_path, real=1, deepfake=1)
        Image.new("RGB", (8, 8)).save(tmp_path / "train/stray.png")

        assert len(labels(tmp_path / "train")) == 2


class TestFindSplit:
    @pytest.mark.parametrize("name", ["val", "valid", "validation", "VAL", "Validation"])
    def test_names_of_validation(self, name: str, tmp_path: Path) -> None:
        (tmp_path / name).mkdir()

        assert find_split(tmp_path, "val") == tmp_path / name

    @pytest.mark.parametrize("split", ["train", "val", "test"])
    def test_a_missing_split_is_named_with_the_layout(self, split: str, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=f"has no folder '{split}'") as caught:
            find_split(tmp_path, split)  # type: ignore[arg-type]

        assert caught.value.hint == LAYOUT
        assert "dfx data sample" in LAYOUT and "ROOT/train/real" in LAYOUT

    def test_twice(self, tmp_path: Path) -> None:
        (tmp_path / "val").mkdir()
        (tmp_path / "valid").mkdir()

        with pytest.raises(DataError, match="holds 'val' and 'valid', which mean the same split"):
            find_split(tmp_path, "val")

    def test_no_data_folder(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="dataset' does not exist") as caught:
            find_split(tmp_path / "dataset", "train")

        assert caught.value.hint == LAYOUT

    def test_a_file_is_no_data_folder(self, tmp_path: Path) -> None:
        (tmp_path / "dataset").touch()

        with pytest.raises(DataError, match="is a file, not a folder"):
            find_split(tmp_path / "dataset", "train")

    def test_a_file_called_train_is_no_split(self, tmp_path: Path) -> None:
        (tmp_path / "train").touch()

        with pytest.raises(DataError, match="has no folder 'train'"):
            find_split(tmp_path, "train")
