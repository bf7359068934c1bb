"""Forecasts: ahead of the search, each thing once, and wrong guesses put right."""

from __future__ import annotations

from thoth.dependency_monkey.resolver.forecast import Forecast
from thoth.dependency_monkey.resolver.universe import Missing, Need, Opaque, Universe


class SlowUniverse(Universe):
    """Packages with two releases each; nothing is known before it is told."""

    def __init__(self, needs: dict[tuple[str, int], list[str] | None]) -> None:
        super().__init__()
        self.table = needs
        self.known: set[str | tuple[str, int]] = set()
        self.pinned = False

    def load_page(self, number: int) -> bool:
        package = self.packages[number]
        if package.name not in self.known:
            return False
        if package.versions is None:
            self.settle(number, ["1", "2"], allowed=0b110, preferred=0b110, exclusions=())
        return True

    def load_needs(self, number: int, index: int) -> tuple[Need, ...] | Opaque | Missing:
        package = self.packages[number]
        if (package.name, index) not in self.known:
            return Missing(metadata=((number, index),))
        names = self.table.get((package.name, index), [])
        if names is None:
            return Opaque("not static", needs_build=True)
        numbers = [self.number(name) for name in names]
        unknown = tuple(n for n in numbers if not self.load_page(n))
        if unknown:
            return Missing(pages=unknown)
        accepted = 0b010 if self.pinned else 0b110
        return tuple(Need(n, accepted, self.packages[n].name) for n in numbers)

    def tell(self, *items: str | tuple[str, int]) -> list[int | tuple[int, int]]:
        self.known.update(items)
        return [self.number(i) if isinstance(i, str) else (self.number(i[0]), i[1]) for i in items]


def begin(table: dict[tuple[str, int], list[str] | None]) -> tuple[SlowUniverse, Forecast]:
    universe = SlowUniverse(table)
    universe.tell("app")
    number = universe.number("app")
    universe.load_page(number)
    return universe, Forecast(universe, [(0, Need(number, 0b110, "app"))])


def test_it_asks_for_the_newest_release_then_for_the_pages_of_all_that_it_needs() -> None:
    universe, forecast = begin({("app", 2): ["a", "b"]})
    app, a, b = (universe.number(name) for name in ("app", "a", "b"))
    assert forecast.advance() == Missing(metadata=((app, 2),))
    assert forecast.advance(universe.tell(("app", 2))).pages == (a, b)
    assert forecast.advance(universe.tell("a")) == Missing()
    later = forecast.advance(universe.tell("b"))
    assert sorted(later.metadata) == sorted([(a, 2), (b, 2)])


def test_it_asks_for_nothing_twice() -> None:
    universe, forecast = begin({("app", 2): ["a"]})
    forecast.advance()
    forecast.advance(universe.tell(("app", 2)))
    assert forecast.advance() == Missing()


def test_an_opaque_release_leads_to_the_one_before_it() -> None:
    universe, forecast = begin({("app", 2): None})
    forecast.advance()
    assert forecast.advance(universe.tell(("app", 2))).metadata == ((universe.number("app"), 1),)


def test_a_cycle_ends() -> None:
    universe, forecast = begin({("app", 2): ["a"], ("a", 2): ["app"]})
    forecast.advance()
    forecast.advance(universe.tell(("app", 2)))
    forecast.advance(universe.tell("a"))
    assert forecast.advance(universe.tell(("a", 2))) == Missing()


def test_a_hinted_release_is_followed_to_what_it_pins() -> None:
    universe, forecast = begin({("app", 1): ["a"]})
    app, a = universe.number("app"), universe.number("a")
    universe.pinned = True
    forecast.follow([(app, 1)])
    assert (app, 1) in forecast.advance().metadata
    assert forecast.advance(universe.tell(("app", 1))).pages == (a,)
    assert forecast.advance(universe.tell("a")).metadata == ((a, 1),)
