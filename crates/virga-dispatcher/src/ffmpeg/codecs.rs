//! Codings that ffmpeg may decode: those of cameras, phones, editors, discs and the web. Rarely used
//! decoders are where the holes are.

/// Picture codings by ffmpeg's name of the coding.
const PICTURE: &str = "h264 hevc av1 vp8 vp9 mpeg1video mpeg2video mpeg4 msmpeg4v1 msmpeg4v2 \
    msmpeg4v3 h263 h263i h263p flv1 wmv1 wmv2 wmv3 vc1 mjpeg prores dnxhd theora rawvideo ffv1 \
    huffyuv ffvhuff utvideo cfhd dvvideo qtrle rv10 rv20 rv30 rv40 svq1 svq3 vp3 vp6 vp6f vp6a \
    cinepak gif png apng v210 flashsv flashsv2 hap msvideo1";
/// Sound codings by ffmpeg's name of the coding.
const SOUND: &str = "aac aac_latm mp1 mp2 mp3 ac3 eac3 dts truehd mlp opus vorbis flac alac wmav1 \
    wmav2 wmapro wmalossless amr_nb amr_wb speex nellymoser cook ra_144 ra_288 sipr atrac3 qdm2 \
    gsm gsm_ms wavpack mace3 mace6 g729 adpcm_ms adpcm_ima_wav adpcm_ima_qt adpcm_swf \
    adpcm_yamaha pcm_alaw pcm_mulaw pcm_u8 pcm_s8 pcm_s16le pcm_s16be pcm_s24le pcm_s24be \
    pcm_s32le pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be pcm_bluray pcm_dvd";
/// Decoders whose name is not their coding's.
const DECODERS: &str = "libdav1d libaom-av1 flv mp1float mp2float mp3float dca libopus libvorbis \
    amrnb amrwb real_144 real_288 libspeex msmpeg4";

/// For `-codec_whitelist`.
pub(super) fn whitelist(more: &[String]) -> String {
    [PICTURE, SOUND, DECODERS]
        .iter()
        .flat_map(|names| names.split_whitespace())
        .chain(more.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(",")
}

pub(super) fn is_picture(name: &str) -> bool {
    PICTURE.split_whitespace().any(|known| known == name)
}

pub(super) fn is_sound(name: &str) -> bool {
    SOUND.split_whitespace().any(|known| known == name)
}
