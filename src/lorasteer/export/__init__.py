"""Take a result away: a PEFT adapter, a merged model, a report."""

from lorasteer.export.adapter import ADAPTER_FILES as ADAPTER_FILES
from lorasteer.export.adapter import adapter_difference as adapter_difference
from lorasteer.export.adapter import export_adapter as export_adapter
from lorasteer.export.merged import MERGED_FILES as MERGED_FILES
from lorasteer.export.merged import export_merged as export_merged
from lorasteer.export.report import REPORT as REPORT
from lorasteer.export.report import report as report
from lorasteer.export.report import write_report as write_report
