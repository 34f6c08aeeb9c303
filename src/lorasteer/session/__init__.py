"""The loop: a person steering a session, requests on a workbench, comparisons of methods, and the demonstration."""

from lorasteer.session.accuracy import accuracy_on_test as accuracy_on_test
from lorasteer.session.bench import Bench as Bench
from lorasteer.session.comparison import Comparison as Comparison
from lorasteer.session.comparison import Row as Row
from lorasteer.session.comparison import Summary as Summary
from lorasteer.session.comparison import compare as compare
from lorasteer.session.comparison import document as document
from lorasteer.session.comparison import machine_facts as machine_facts
from lorasteer.session.comparison import markdown_summary as markdown_summary
from lorasteer.session.comparison import summarise as summarise
from lorasteer.session.demo import Demo as Demo
from lorasteer.session.demo import demo as demo
from lorasteer.session.feedback import Feedback as Feedback
from lorasteer.session.found import Found as Found
from lorasteer.session.goal import Budget as Budget
from lorasteer.session.goal import Goal as Goal
from lorasteer.session.history import History as History
from lorasteer.session.keeping import iteration_record as iteration_record
from lorasteer.session.keeping import run_record as run_record
from lorasteer.session.keeping import snapshot as snapshot
from lorasteer.session.seeking import seek as seek
from lorasteer.session.session import Session as Session
from lorasteer.session.standing import Listener as Listener
from lorasteer.session.workbench import Round as Round
from lorasteer.session.workbench import Workbench as Workbench
from lorasteer.session.workbench import retrain_seeds as retrain_seeds
