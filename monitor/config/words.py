"""Names that columns usually have, the surest first."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TIME = _words("""
    timestamp ts event_time event_timestamp datetime date_time created_at created time occurred_at
    event_date prediction_time predicted_at request_time inserted_at updated_at date day dt
""")
ID = _words("""
    id uuid guid row_id key record_id request_id event_id transaction_id prediction_id
""")
PREDICTION = _words("""
    prediction pred predicted y_pred yhat y_hat predicted_label predicted_class label_pred
    pred_label pred_class model_prediction model_output output forecast
""")
SCORE = _words("""
    score scores probability prob proba predicted_probability predicted_proba pred_proba
    prediction_score prediction_probability confidence y_score y_prob y_proba model_score
""")
LABEL = _words("""
    label target y y_true ground_truth truth true_label actual actuals outcome class target_class
    labels gold
""")
VERSION = _words("""
    model_version model model_id model_name version deployed_model model_tag
""")
SEGMENT = _words("""
    segment group sex gender race ethnicity age_group age_band region country state province
    language lang locale channel platform device device_type os browser site store brand carrier
    origin plan tier customer_type customer_segment product category market source
""")
#: Texts that mean "no value" but are no null.
NONE = frozenset(
    _words("""
    - -- . ? n/a na nan nil none null missing unknown undefined tbd (null) <na>
""")
)
