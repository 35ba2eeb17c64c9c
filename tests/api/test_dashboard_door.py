from browsing import Page, browser_of


def test_the_fleet_shows_what_is_live(world):
    update = world.live()
    browser = browser_of(world, "ola")

    page = browser.page("/")

    assert "version 1" in page.text
    assert f"/updates/{update}" in page.links
    assert Page(browser.get("/").text).forbidden == []
