"""What can go wrong with a store or a journal, in words for the person at the terminal."""


class StoreError(Exception):
    """The store cannot be used as it is; the message names the file, what is wrong and what to do."""


class JournalFull(StoreError):
    """A finished measurement could not be written for want of space. What was written before is intact."""


class Busy(Exception):
    """Another process holds this run or grid."""


class StoreDamaged(StoreError):
    """The store's file cannot be read as it should: cut short, overwritten, a torn write."""
