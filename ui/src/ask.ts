// A question before something is thrown away.

import type { Texts } from "./dom";

/** Asks before something is thrown away, in place of the buttons of a row. */
export function ask(t: Texts, row: HTMLElement, act: () => void): void {
  const group = document.createElement("div");
  group.className = "row note";
  group.setAttribute("role", "group");
  const button = (key: string, kind: string, run: () => void) => {
    const element = document.createElement("button");
    element.type = "button";
    element.className = `btn btn-small ${kind}`;
    element.textContent = t(key);
    element.addEventListener("click", run);
    group.append(element);
    return element;
  };
  const before = document.activeElement;
  const close = () => {
    group.remove();
    row.hidden = false;
    if (before instanceof HTMLElement) before.focus();
  };
  const question = document.createElement("span");
  question.textContent = t("upload-discard-ask");
  question.setAttribute("role", "alert");
  group.append(question);
  button("upload-give-up", "btn-danger", () => {
    close();
    act();
  });
  const keep = button("upload-keep", "", close);
  group.addEventListener("keydown", (event) => event.key === "Escape" && close());
  row.hidden = true;
  row.after(group);
  keep.focus();
}
