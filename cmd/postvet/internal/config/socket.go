package config

import "io/fs"

// Socket is who may talk to unix sockets.
type Socket struct {
	Mode  fs.FileMode
	Group string
}

func (s *Socket) section() section {
	return section{name: "socket", comment: "Who may connect to unix sockets.", keys: []key{
		{
			name: "mode", value: accessRights(&s.Mode, 0o660), restart: true,
			comment: "Access rights of unix sockets, in octal. Needs a restart to change.",
		},
		{
			name: "group", value: text(&s.Group, "", checkGroup), restart: true,
			comment: `Group of unix sockets, by name or number, such as "postfix". Empty: that of
the process. Needs a restart to change.`,
		},
	}}
}
