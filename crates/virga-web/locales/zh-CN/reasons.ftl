# Why a video failed, by the reason's code; 数字只在英文原文里
reason-cancelled = 处理已停止，可以重新开始。
reason-coding_unsupported = 本站不支持这个文件的编码格式。请转换为 MP4 后再上传。
reason-damaged = 文件已损坏，或者没有本站能解码的画面。请换一份完好的文件，或转换为 MP4 后再上传。
reason-encoder_time = 你的视频已用完最近 24 小时的转码时间，稍后会自动继续。
reason-encrypted = 文件已加密，无法处理。请上传没有加密的文件。
reason-ends_early = 文件提前结束。如果视频不完整，请重新上传该文件。
reason-external_media = 这个文件只引用了别处的媒体，本身不含视频。请导出为一个完整的文件再上传。
reason-file_empty = 文件是空的。
reason-file_is_audio = 这个文件只有声音。本站现在支持纯音频文件，请重试。
reason-file_is_concat = 这是其他文件的列表，不是视频。请上传视频本身。
reason-file_is_image = 这是一张图片，不是视频。请上传视频本身。
reason-file_is_playlist = 这是播放列表，只引用了别处的视频。请上传视频本身。
reason-file_is_sdp = 这个文件描述的是网络流，其中没有视频。请上传视频本身。
reason-file_is_text = 这是文本文件，不是视频。请上传视频本身。
reason-file_unknown = 无法识别这种格式，或者文件已损坏。请转换为 MP4 后再上传。
reason-frame_rate_too_high = 帧率超过了本站的上限。请降低帧率重新导出。
reason-gave_up = 处理多次失败，请稍后重试。
reason-internal = 处理时出错。请重试；如果仍然失败，请联系本站管理员。
reason-media_malformed = 文件已损坏。请换一份完好的文件，或重新导出。
reason-media_no_index = 文件没有索引，可能是录制没有正常结束。请用录制它的软件修复后再上传。
reason-media_too_large = 文件超过了本站能处理的大小。
reason-media_repeated = 文件的索引反复引用同一段数据，无法播放。请在制作它的软件里重新导出。
reason-media_truncated = 文件不完整，末尾有缺失。请上传完整的文件。
reason-media_unsupported = 文件用到了本站不支持的特性。请转换为 MP4 后再上传。
reason-no_video = 文件中没有可播放的内容。请上传含有画面或声音的文件。
reason-object_gone = 本站为这个视频生成的一个文件已从存储中丢失，请联系本站管理员。
reason-picture_too_large = 画面分辨率超过了本站的上限。请缩小尺寸重新导出。
reason-picture_too_small = 画面分辨率太低，无法显示。请放大尺寸重新导出。
reason-quota_used = 你的存储空间已用完，删除一些视频后会自动继续。
reason-scratch_too_small = 文件太大，本站的临时空间不足。
reason-source_gone = 上传的文件已不在本站的存储中。请重新上传，或联系本站管理员。
reason-storage_refused = 本站的存储拒绝访问。请联系本站管理员，处理好后再重试。
reason-too_long = 时长超过了本站的上限。请分段上传。
reason-too_many_tracks = 音视频轨道数超过了本站的上限。
reason-too_slow = 转码耗时远超预期。

# 能播放、但有一步没有成功，按任务种类
note-ends_early = 文件提前结束：全长 { $whole }，只读到 { $read }。如果视频不完整，请重新上传该文件。
warning-probe = 检查文件失败：{ $why }
warning-sound = 音频转码失败：{ $why }
warning-package = 封装失败：{ $why }
warning-copy = 从文件中提取视频失败：{ $why }
warning-first-rung = 生成首个通用版本失败：{ $why }
warning-ladder = 生成其他清晰度失败：{ $why }
warning-span = 生成其他清晰度失败：{ $why }
warning-join = 合并其他清晰度的各段失败：{ $why }
warning-poster = 截取封面失败：{ $why }
warning-fallback = 生成旧浏览器版本失败：{ $why }
warning-storyboard = 生成进度条预览图失败：{ $why }

# 等待处理的任务，按任务类型
waits-sound = 视频正在排队等待处理：{ $why }
waits-copy = 视频正在排队等待处理：{ $why }
waits-first-rung = 视频正在排队等待处理：{ $why }
waits-ladder = 其他清晰度正在等待生成：{ $why }
waits-span = 其他清晰度正在等待生成：{ $why }
