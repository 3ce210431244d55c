/** Hash router: the part of the address behind `#/`. */
export interface Route {
  name: string;
  rest: string;
}

function read(): Route {
  const [name = "", ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  return { name: name || "hazards", rest: rest.map(safeDecode).join("/") };
}

function safeDecode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

let route = $state<Route>(read());
addEventListener("hashchange", () => (route = read()));

export const here = (): Route => route;
export const link = (name: string, ...rest: string[]): string =>
  `#/${[name, ...rest.flatMap((part) => part.split("/"))].map(encodeURIComponent).join("/")}`;
export function go(name: string, ...rest: string[]): void {
  location.hash = link(name, ...rest);
}
