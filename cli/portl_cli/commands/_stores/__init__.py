"""What the commands of ``portl store`` share: the stores of a project, what addresses mean, and files on their way."""
