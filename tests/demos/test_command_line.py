"""`python -m demos`: what it runs, and what it says when it cannot."""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from demos.__main__ import NAMES, main


def test_list_names_every_demo(capsys):
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(NAMES)


def test_help_tells_of_the_options(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert all(word in printed for word in ("--out", "--images", "--list", *NAMES))


def test_one_demo_writes_a_page_of_its_own(tmp_path, capsys):
    assert main(["pythagoras", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "pythagoras.html", "pythagoras_chain.svg", "pythagoras_values.svg",
    ]  # fmt: skip
    assert str(tmp_path / "pythagoras.html") in capsys.readouterr().out


def test_the_page_leads_to_the_pages_of_the_gallery(tmp_path):
    out = tmp_path / "my pictures"
    main(["pythagoras", "--out", str(out)])
    links = re.findall(r'<a href="([^"#]+)">([^<]+)</a>', (out / "pythagoras.html").read_text("utf-8"))
    pages = {(out / unquote(target)).resolve() for target, _ in links}
    assert pages == set((Path(__file__).parents[2] / "docs" / "gallery" / "pages").glob("*.html")) != set()
    assert "c = √(a² + b²)" in [title for _, title in links]


def test_default_folder_is_pictures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["pythagoras"]) == 0
    assert (tmp_path / "pictures" / "pythagoras.html").is_file()


def test_unknown_demo(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["euclid"])
    assert stopped.value.code == 2
    assert "there is no demo 'euclid'" in capsys.readouterr().err


def test_output_folder_that_is_a_file(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["pythagoras", "--out", str(tmp_path / "file")]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_images_without_deep_network(tmp_path, capsys):
    assert main(["pythagoras", "--out", str(tmp_path), "--images", str(tmp_path)]) == 2
    assert "deep_network" in capsys.readouterr().err


def test_folder_of_images_that_is_not_there(tmp_path, capsys):
    assert main(["deep_network", "--out", str(tmp_path), "--images", str(tmp_path / "nowhere")]) == 1
    error = capsys.readouterr().err
    assert "nowhere" in error and "not a folder" in error and "Traceback" not in error


def test_a_terminal_without_mathematical_signs(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "ascii"}
    finished = subprocess.run(
        [sys.executable, "-m", "demos", "deep_network", "--out", str(tmp_path)], capture_output=True, env=environment
    )
    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "deep_network.html").is_file()


def test_data_folder_that_is_not_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TINYGRAPH_DATA", str(tmp_path / "nowhere"))
    assert main(["admissions", "--out", str(tmp_path)]) == 1
    assert "TINYGRAPH_DATA" in capsys.readouterr().err


def test_a_missing_package_is_named_with_the_way_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert main(["pythagoras", "--out", str(tmp_path)]) == 1
    assert "pip install" in capsys.readouterr().err


def test_data_file_that_is_another(tmp_path, monkeypatch, capsys):
    (tmp_path / "admissions.csv").write_text("admit,gre,gpa,rank\n1,800,4,1\n")
    monkeypatch.setenv("TINYGRAPH_DATA", str(tmp_path))
    assert main(["admissions", "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "admissions.csv" in error and "sha256" in error
