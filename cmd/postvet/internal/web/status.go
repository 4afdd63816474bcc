package web

import "github.com/postvet/postvet/cmd/postvet/internal/control"

// status is the state of the service.
func (h *Handler) status(q *request) (any, error) {
	return asked[control.Status](h, q, control.Request{Do: control.DoStatus})
}
