"""The page in a real browser; without one the clicks are skipped."""

import json
import re

import pytest

from twinlib.compare.page import MOST_PICTURES, page
from twinlib.compare.pipeline import Node
from twinlib.compare.selection import choose

NASTY = "lab/</script><script>document.title='owned'</script><!--<b>&\"'{{js}}"
NODES = [Node("stage", "prepare", "fresh"), Node("experiment", NASTY, "hit", "", ("stage prepare",))]


@pytest.fixture
def show(lab, browser):
    """Open the page of all runs; the console must have stayed empty when the test is over."""

    def act(*words):
        target = lab.root / "compare.html"
        target.write_text(page(choose(words, lab.root), NODES), encoding="utf-8")
        browser.get(target.as_uri())
        return browser

    yield act
    assert browser.get_log("browser") == []


def texts(browser, selector):
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((node) => node.textContent)", selector
    )


def column(browser, heading):
    place = texts(browser, "#table thead th").index(heading) + 1
    return texts(browser, f"#table tbody td:nth-child({place})")


def click(browser, selector, text=None):
    for node in browser.find_elements("css selector", selector):
        if text is None or node.text == text:
            node.click()
            return
    raise AssertionError(f"no {selector} with the text {text}")


def choose_in(browser, select, value):
    from selenium.webdriver.support.select import Select

    Select(browser.find_element("id", select)).select_by_visible_text(value)


def test_a_click_on_a_heading_sorts(lab, show):
    for rate, loss in ((0.01, 0.3), (10.0, 0.1), (0.5, 0.2)):
        lab.record(lr=rate, losses=(1.0, loss))
    browser = show()
    assert column(browser, "val_loss") == ["0.1", "0.2", "0.3"]  # the best is first
    click(browser, "#table th button", "lr")
    assert column(browser, "lr") == ["0.01", "0.5", "10"]
    click(browser, "#table th button", "lr")
    assert column(browser, "lr") == ["10", "0.5", "0.01"]
    assert browser.find_element("css selector", "th[aria-sort]").get_attribute("aria-sort") == "descending"
    click(browser, "#table th button", "val_loss")
    assert column(browser, "val_loss") == ["0.1", "0.2", "0.3"]
    assert texts(browser, "td.best") == ["0.1", "0.2"]  # of val_loss and test_loss


def test_the_metric_of_the_curves_can_be_chosen(lab, show):
    lab.record(losses=(0.75, 0.5, 0.25)), lab.record(losses=(0.5, 0.1), lr=0.2)
    browser = show()
    before = browser.find_element("id", "curve-plot").get_attribute("innerHTML")
    assert len(browser.find_elements("css selector", "#curve-plot .run path")) == 2
    choose_in(browser, "curve-metric", "lr")
    after = browser.find_element("id", "curve-plot").get_attribute("innerHTML")
    assert before != after and "NaN" not in before + after
    choose_in(browser, "curve-metric", "val_loss")
    assert browser.find_element("id", "curve-plot").get_attribute("innerHTML") == before
    click(browser, "#curve-log")
    assert browser.find_element("id", "curve-plot").get_attribute("innerHTML") != before


def test_two_ticked_runs_are_the_two_that_differ(lab, show):
    lab.record(lr=1.5), lab.record(lr=2.5), lab.record(lr=3.5)
    browser = show()
    boxes = browser.find_elements("css selector", "#table tbody input")
    rates = column(browser, "lr")
    boxes[1].click()
    browser.find_elements("css selector", "#table tbody input")[0].click()
    rows = texts(browser, "#differences tbody tr")
    assert rows == [f"configlr{float(rates[1])}{float(rates[0])}"]


def test_code_and_settings_that_differ(lab, show):
    lab.record(lr=1.0), lab.record(lr=1.0, code="2" * 64, extra=[1])
    rows = texts(show(), "#differences tbody tr")
    assert [re.sub("(not there|1{12}|2{12}|\\[1\\])", "|", row) for row in rows] == ["configextra||", "codelab||"]


def test_nothing_in_a_record_becomes_part_of_the_page(lab, show):
    records = lab.record(name="lab/a"), lab.record(name=NASTY, extra=NASTY, picture=True)
    lab.sweep(*records, failed=1)
    browser = show("last")
    assert browser.title == "Comparison: last"
    assert sorted(column(browser, "name")) == sorted(["lab/a", NASTY])
    assert column(browser, "state") == ["cached", "cached"]
    assert NASTY in texts(browser, "#pipeline title")[-1]
    assert any("lr=<b>9" in row and "it broke" in row for row in texts(browser, "#without tr"))
    assert browser.execute_script("return document.querySelectorAll('script').length") == 2


def test_pictures_are_in_the_page(lab, show):
    lab.record(picture=True)
    browser = show()
    loaded = browser.execute_script("return document.querySelector('#gallery img').naturalWidth")
    assert loaded == 1


def test_importance_or_why_there_is_none(lab, show):
    lab.record(lr=0.1), lab.record(lr=0.2)
    assert "needs at least 4 runs" in texts(show(), "#shares p")[0]
    for seed, rate in ((1, 0.1), (1, 0.2), (2, 0.3), (2, 0.4)):
        lab.record(lr=rate, losses=(1.0, rate), model={"_target_": "lab.line", "dense": seed})
    shares = [float(text.split()[0]) for text in texts(show("model.dense>0"), "#shares .bar span:last-child")]
    assert sum(shares) == pytest.approx(100, abs=0.2)


def test_numbers_that_are_none(lab, show):
    lab.record(losses=(float("inf"), float("nan"))), lab.record(lr=0.3)
    browser = show()
    assert column(browser, "val_loss") == ["0.25", "nan"]
    click(browser, "#table th button", "val_loss")
    assert column(browser, "val_loss") == ["0.25", "nan"]
    assert "NaN" not in browser.find_element("id", "parallel-plot").get_attribute("innerHTML")


def test_a_single_run(lab, show):
    lab.record()
    browser = show()
    assert "the runs differ in no setting" in browser.find_element("id", "parallel").text
    assert "one run" in browser.find_element("id", "differences").text


def test_the_page_asks_for_nothing_from_elsewhere(lab):
    lab.record(picture=True)
    text = page(choose([], lab.root), NODES)
    named = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert named and all(name.startswith(("#", "data:")) for name in named)
    assert set(re.findall(r"https?://[^\s\"'<]+", text)) == {"http://www.w3.org/2000/svg"}


def test_only_the_best_runs_have_their_pictures_in_the_page(lab):
    for number in range(MOST_PICTURES + 1):
        lab.record(lr=float(number), losses=(1.0, 0.5 + number), picture=True)
    text = page(choose([], lab.root), [])
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1])
    without = [run for run in data["runs"] if not run["pictures"]]
    assert [run["metrics"]["val_loss"] for run in without] == [0.5 + MOST_PICTURES]
    assert str(MOST_PICTURES) in data["leftOut"]
