/*
 * A milter on libmilter that looks at everything and does nothing: the floor
 * under every milter in C. With -blind it does not even look: it is told of the
 * end of messages only. Usage: floor [-blind] SOCKET
 */
#include <libmilter/mfapi.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static sfsistat on_connect(SMFICTX *ctx, char *host, _SOCK_ADDR *addr) { return SMFIS_CONTINUE; }
static sfsistat on_helo(SMFICTX *ctx, char *helo) { return SMFIS_CONTINUE; }
static sfsistat on_mail(SMFICTX *ctx, char **argv) { return SMFIS_CONTINUE; }
static sfsistat on_rcpt(SMFICTX *ctx, char **argv) { return SMFIS_CONTINUE; }
static sfsistat on_field(SMFICTX *ctx, char *name, char *value) { return SMFIS_CONTINUE; }
static sfsistat on_eoh(SMFICTX *ctx) { return SMFIS_CONTINUE; }
static sfsistat on_body(SMFICTX *ctx, unsigned char *data, size_t n) { return SMFIS_CONTINUE; }
static sfsistat on_eom(SMFICTX *ctx) { return SMFIS_CONTINUE; }

int main(int argc, char **argv)
{
	struct smfiDesc floor;
	char socket[256];

	memset(&floor, 0, sizeof floor);
	floor.xxfi_name = "floor";
	floor.xxfi_version = SMFI_VERSION;
	floor.xxfi_flags = SMFIF_ADDHDRS;
	floor.xxfi_eom = on_eom;
	if (argc == 3 && strcmp(argv[1], "-blind") == 0) {
		argc--;
		argv++;
	} else {
		floor.xxfi_connect = on_connect;
		floor.xxfi_helo = on_helo;
		floor.xxfi_envfrom = on_mail;
		floor.xxfi_envrcpt = on_rcpt;
		floor.xxfi_header = on_field;
		floor.xxfi_eoh = on_eoh;
		floor.xxfi_body = on_body;
	}
	if (argc != 2 || snprintf(socket, sizeof socket, "local:%s", argv[1]) >= (int)sizeof socket) {
		fprintf(stderr, "usage: floor [-blind] SOCKET\n");
		return EX_USAGE;
	}
	if (smfi_setconn(socket) != MI_SUCCESS || smfi_register(floor) != MI_SUCCESS)
		return EX_UNAVAILABLE;
	return smfi_main() == MI_SUCCESS ? EX_OK : EX_UNAVAILABLE;
}
