from pipelines.storage.sample import spread_indices


def test_by_hand():
    assert spread_indices(10, 4) == [0, 3, 6, 9]
    assert spread_indices(3, 100) == [0, 1, 2]
    assert spread_indices(7, 1) == [0]
    assert spread_indices(0, 5) == []
