import inspect

from monitor.core import errors


def test_the_tree_in_the_docstring_is_the_tree():
    classes = [
        value
        for _, value in inspect.getmembers(errors, inspect.isclass)
        if issubclass(value, errors.DriftloopError)
    ]

    for error in classes:
        assert error.__name__ in (errors.__doc__ or "")
        assert error.__doc__


def test_a_missing_column_says_what_is_there_instead():
    error = errors.ColumnNotFoundError("agee", "files a.csv", ["age", "sex"], "columns.label")

    assert error.available == ("age", "sex")
    assert "'agee'" in str(error)
    assert "age, sex" in str(error)
    assert "columns.label" in str(error)
