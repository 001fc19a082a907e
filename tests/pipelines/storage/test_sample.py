from pipelines.storage.sample import spread


def test_by_hand():
    assert spread(10, 4) == [0, 3, 6, 9]
    assert spread(3, 100) == [0, 1, 2]
    assert spread(7, 1) == [0]
    assert spread(0, 5) == []
