from pathlib import Path

from twinlib.cli.train import main

if __name__ == "__main__":
    main(Path(__file__).resolve().parent)
