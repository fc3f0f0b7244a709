"""The harness itself, tried on a widget of three lines: when this fails, look here before looking at the dashboard."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import OpenNotebook

COUNTER = '''
import anywidget, traitlets

class Counter(anywidget.AnyWidget):
    _esm = """
    export default { render({ model, el }) {
      const button = document.createElement("button");
      const show = () => { button.textContent = `count is ${model.get("value")}`; };
      button.onclick = () => { model.set("value", model.get("value") + 1); model.save_changes(); };
      model.on("change:value", show);
      show();
      el.append(button);
    } };
    """
    value = traitlets.Int(0).tag(sync=True)

counter = Counter()
counter
'''


def test_a_widget_lives_in_a_real_jupyterlab(notebook: OpenNotebook) -> None:
    page = notebook(COUNTER, "print(counter.value)", "1 / 0")
    page.run(0)
    button = page.output(0).get_by_role("button")
    button.click()
    expect(button).to_have_text("count is 1")
    assert page.run(1) == "1\n"
    assert "ZeroDivisionError" in page.run(2)
    with page.theme("JupyterLab Dark"):
        page.screenshot("harness")

    page.reload()
    expect(button).to_have_text("count is 1")
    page.close()
    page.reopen()
    expect(button).to_have_text("count is 1")
    assert page.save()["cells"][1]["outputs"][0]["text"] == ["1\n"]

    page.restart()
    assert "NameError" in page.run(1)
    assert page.problems == []
