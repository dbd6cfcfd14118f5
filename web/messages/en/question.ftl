### server/http/src/dashboard/question.rs

question-why-it-was-decided = Why it was decided
