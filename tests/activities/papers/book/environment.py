"""A process that says the names of its environment's variables."""

import os

if __name__ == "__main__":
    print("\n".join(os.environ))
