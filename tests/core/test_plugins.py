import pytest

from monitor.core import plugins
from monitor.core.errors import PluginError

EVERY = [(room, name) for room in plugins.ROOMS for name in plugins.names(room)]


@pytest.mark.parametrize(("room", "name"), EVERY)
def test_a_plugin_loads_by_the_name_of_its_file(room, name):
    plugin = plugins.load(room, name)

    assert plugin.__doc__
    assert room == "labeling" or hasattr(plugin, "Options")


def test_an_unknown_plugin_names_the_nearest():
    with pytest.raises(PluginError, match="Did you mean 'files'"):
        plugins.load("sources", "file")


def test_a_module_that_is_no_plugin_is_unknown():
    with pytest.raises(PluginError, match="There is no plug-in"):
        plugins.load("checks", "context")
