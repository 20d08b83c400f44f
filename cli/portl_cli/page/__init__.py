"""The page of a run: one HTML file that stands alone, made of what the run left in its folder."""

from portl_cli.page.course import Course, Trouble, Visits
from portl_cli.page.page import PAGE, make_page, status_word, write_page

__all__ = ["PAGE", "Course", "Trouble", "Visits", "make_page", "status_word", "write_page"]
