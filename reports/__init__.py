"""Pages and mails, drawn from stored runs; nothing is computed here."""

from reports.digest import digest, in_short
from reports.mail import MailBody, mail
from reports.notebook import notebook
from reports.page import render
from reports.summary import summary

__all__ = ["MailBody", "digest", "in_short", "mail", "notebook", "render", "summary"]
