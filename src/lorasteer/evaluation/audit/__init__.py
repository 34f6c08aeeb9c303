"""Attacks on unlearned models: was the target removed, or only suppressed?"""

from lorasteer.evaluation.audit.registry import ATTACKS as ATTACKS
from lorasteer.evaluation.audit.registry import TABLES as TABLES
from lorasteer.evaluation.audit.registry import TEXT_ATTACKS as TEXT_ATTACKS
from lorasteer.evaluation.audit.registry import Finding as Finding
from lorasteer.evaluation.audit.registry import attacks_of as attacks_of
from lorasteer.evaluation.audit.registry import audit_suites as audit_suites
from lorasteer.evaluation.audit.registry import missing as missing
from lorasteer.evaluation.audit.registry import run_attack as run_attack
from lorasteer.evaluation.audit.subject import CommonGround as CommonGround
from lorasteer.evaluation.audit.subject import Ground as Ground
from lorasteer.evaluation.audit.subject import Subject as Subject
