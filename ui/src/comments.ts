// Comments without leaving the player: post, edit, delete, more. Without script the same forms do
// the same by themselves.

import { ApiError, call, type Wire } from "./api";
import { ago, part, refusal, show, slot, type Texts, texts } from "./dom";

type Comment = Wire["Comment"];

class Comments extends HTMLElement {
  #t: Texts = (key) => key;

  connectedCallback(): void {
    this.#t = texts(this);
    const write = part<HTMLFormElement>(this, "write");
    write?.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#write(write);
    });
    // Ctrl or Command with Enter sends what is being written, in the editor of a comment too.
    this.addEventListener("keydown", (event) => {
      const sends = event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing;
      if (!sends || !(event.target instanceof HTMLTextAreaElement)) return;
      event.preventDefault();
      event.target.form?.requestSubmit();
    });
    const more = part<HTMLAnchorElement>(this, "more");
    more?.addEventListener("click", (event) => {
      event.preventDefault();
      void this.#more(more);
    });
    part(this, "list")?.addEventListener("click", (event) => {
      const link = (event.target as Element).closest<HTMLElement>('a[data-act="edit"]');
      const row = link?.closest<HTMLElement>("[data-comment]");
      if (!row) return;
      event.preventDefault();
      this.#edit(row);
    });
    part(this, "list")?.addEventListener("submit", (event) => {
      const form = (event.target as Element).closest<HTMLElement>('form[data-act="delete"]');
      const row = form?.closest<HTMLElement>("[data-comment]");
      if (!row) return;
      event.preventDefault();
      void this.#delete(row);
    });
  }

  get #path() {
    return `/videos/${this.dataset.video}/comments` as const;
  }

  /** Says why something was refused; who is signed out is led to sign in and back. */
  #refuse(note: HTMLElement, error: unknown): void {
    const { status } = error instanceof ApiError ? error : { status: 0 };
    note.textContent = refusal(this.#t, error, status === 429 ? "fault-busy" : "fault-ours");
    if (status === 401) {
      const link = document.createElement("a");
      link.href = `/sign-in?next=${encodeURIComponent(`/v/${this.dataset.video}`)}`;
      link.textContent = this.#t("sign-in");
      note.append(" ", link);
    }
    show(note, true);
  }

  async #write(form: HTMLFormElement): Promise<void> {
    const box = form.querySelector("textarea");
    const note = form.querySelector<HTMLElement>(".error");
    const button = form.querySelector("button");
    if (!box || !note || !button || button.disabled) return;
    button.disabled = true;
    show(note, false);
    try {
      const comment = await call("POST", this.#path, { text: box.value });
      box.value = "";
      const row = this.#row(comment);
      part(this, "list")?.prepend(row);
      this.#counted(1);
    } catch (error) {
      this.#refuse(note, error);
    } finally {
      button.disabled = false;
    }
  }

  /** The number in the heading, where it is written out. */
  #counted(step: number): void {
    const count = part(this, "count");
    if (count && /^\d+$/.test(count.textContent ?? "")) count.textContent = String(Number(count.textContent) + step);
  }

  #row(comment: Comment): HTMLElement {
    const template = part<HTMLTemplateElement>(this, "comment");
    const row = (template?.content.firstElementChild?.cloneNode(true) ?? document.createElement("li")) as HTMLElement;
    row.id = `c-${comment.id}`;
    row.dataset.comment = comment.id;
    const author = slot<HTMLAnchorElement>(row, "author");
    if (author) {
      author.href = `/u/${encodeURIComponent(comment.author)}`;
      author.append(isolated(comment.author));
    }
    show(slot(row, "admin"), Boolean(comment.by_admin));
    const time = slot<HTMLTimeElement>(row, "time");
    if (time) {
      time.dateTime = comment.created_at;
      time.textContent = ago(comment.created_at);
    }
    slot(row, "text")?.append(isolated(comment.text));
    show(slot(row, "edited"), Boolean(comment.edited_at));
    const edit = row.querySelector<HTMLAnchorElement>('[data-act="edit"]');
    const remove = row.querySelector<HTMLFormElement>('[data-act="delete"]');
    const page = `/v/${this.dataset.video}`;
    if (edit) edit.href = `${page}?edit=${comment.id}#c-${comment.id}`;
    if (remove) remove.action = `${page}/comments/${comment.id}/delete`;
    show(edit, comment.editable);
    show(remove?.closest<HTMLElement>("details") ?? null, comment.deletable);
    return row;
  }

  #edit(row: HTMLElement): void {
    const template = part<HTMLTemplateElement>(this, "editor");
    const text = slot(row, "text");
    const acts = row.querySelector<HTMLElement>(".acts");
    const form = template?.content.firstElementChild?.cloneNode(true) as HTMLFormElement | undefined;
    const box = form?.querySelector("textarea");
    const note = form?.querySelector<HTMLElement>(".error");
    if (!form || !box || !note || !text || row.querySelector("textarea")) return;
    box.value = text.textContent ?? "";
    const close = () => {
      form.remove();
      show(text, true);
      show(acts, true);
    };
    form.querySelector('[data-act="cancel"]')?.addEventListener("click", close);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      try {
        const comment = await call("PATCH", `${this.#path}/${row.dataset.comment}`, { text: box.value });
        row.replaceWith(this.#row(comment));
      } catch (error) {
        this.#refuse(note, error);
      }
    });
    show(text, false);
    show(acts, false);
    row.append(form);
    box.focus();
  }

  async #delete(row: HTMLElement): Promise<void> {
    try {
      await call("DELETE", `${this.#path}/${row.dataset.comment}`);
      const beside = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      this.#counted(-1);
      // The focus stays where the comment was.
      const to = beside instanceof HTMLElement ? beside : this.querySelector<HTMLElement>("h2");
      if (to) to.tabIndex = -1;
      to?.focus();
    } catch (error) {
      let note = row.querySelector<HTMLElement>(".error");
      if (!note) {
        note = document.createElement("p");
        note.className = "error";
        note.setAttribute("role", "alert");
        row.append(note);
      }
      this.#refuse(note, error);
    }
  }

  async #more(link: HTMLAnchorElement): Promise<void> {
    const cursor = new URL(link.href).searchParams.get("comments") ?? "";
    try {
      const page = await call("GET", `${this.#path}?cursor=${encodeURIComponent(cursor)}`);
      part(this, "list")?.append(...page.items.map((comment) => this.#row(comment)));
      if (page.next) link.href = `/v/${this.dataset.video}?comments=${encodeURIComponent(page.next)}#comments`;
      else link.parentElement?.remove();
    } catch {
      location.assign(link.href);
    }
  }
}

/** What someone typed keeps its direction to itself. */
function isolated(text: string): HTMLElement {
  const element = document.createElement("bdi");
  element.textContent = text;
  return element;
}

customElements.define("virga-comments", Comments);
